//! Exports are the same bytes, however they are cut, interrupted or spread.

use std::fs;
use std::path::PathBuf;

use promo_codes::{Codec, CodesError, Export, Layout, LayoutKey, LayoutSpec, Ranges};
use proptest::prelude::*;

fn codec(blocklist: &[&str]) -> Codec {
    let blocklist = blocklist.iter().map(|word| (*word).to_owned()).collect();
    let spec = LayoutSpec {
        length: 6,
        check_symbol: true,
        blocklist,
        ..LayoutSpec::default()
    };
    Codec::new(
        Layout::compile(&spec).unwrap(),
        &LayoutKey::from_bytes(&[6; 16]).unwrap(),
    )
}

fn ranges() -> Ranges {
    Ranges::new(&[1_000..7_000, 100_000..100_001, 0..900]).unwrap()
}

/// A file of this test's own, removed when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("promo-codes-{}-{name}", std::process::id())))
    }

    fn read(&self) -> Vec<u8> {
        fs::read(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn whole(export: &Export<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    export.append(0..ranges().len(), &mut bytes).unwrap();
    bytes
}

fn write(export: &Export<'_>, file: &Scratch, resume: bool) -> Result<(), CodesError> {
    export.write_file(&file.0, 0..ranges().len(), resume, 1, |_| Ok(()))
}

#[test]
fn a_file_cut_anywhere_is_completed_to_the_same_bytes() {
    for (name, blocklist) in [("cut", &[][..]), ("cut-blocked", &["22", "xw"])] {
        let (codec, ranges) = (codec(blocklist), ranges());
        let export = Export::new(&codec, &ranges, b"\r\n").unwrap();
        let file = Scratch::new(name);
        write(&export, &file, false).unwrap();
        let wanted = whole(&export);
        assert_eq!(file.read(), wanted);
        let end = wanted.len();
        for cut in [
            0,
            1,
            8,
            9,
            10,
            5_000,
            end - 900 * 9 - 4,
            end - 9,
            end - 1,
            end,
        ] {
            fs::write(&file.0, &wanted[..cut]).unwrap();
            write(&export, &file, true).unwrap();
            assert_eq!(file.read(), wanted, "cut at {cut}");
        }
        write(&export, &file, false).unwrap();
        assert_eq!(file.read(), wanted);
    }
}

#[test]
fn a_file_of_another_export_is_refused_and_left_alone() {
    let (codec, ranges) = (codec(&[]), ranges());
    let export = Export::new(&codec, &ranges, b"\n").unwrap();
    let bytes = whole(&export);
    let width = export.line_width();
    let file = Scratch::new("other");
    let mut lower = bytes[..20 * width].to_ascii_lowercase();
    lower[..2].copy_from_slice(b"xx");
    let others = [
        b"name,code\nsomebody,ABCDEFG\n".to_vec(),
        lower,
        bytes[width..20 * width].to_vec(),
        [&bytes[..3 * width], &bytes[5 * width..9 * width]].concat(),
        bytes[..20 * width]
            .iter()
            .map(|byte| if *byte == b'\n' { b';' } else { *byte })
            .collect(),
    ];
    for other in others {
        fs::write(&file.0, &other).unwrap();
        let refused = write(&export, &file, true);
        assert!(
            matches!(refused, Err(CodesError::ResumeMismatch { .. })),
            "{refused:?}"
        );
        assert_eq!(file.read(), other);
    }
}

#[cfg(unix)]
#[test]
fn a_device_takes_an_export_too() {
    let (codec, ranges) = (codec(&[]), ranges());
    let export = Export::new(&codec, &ranges, b"\n").unwrap();
    for resume in [false, true] {
        let mut written = 0;
        export
            .write_file("/dev/null".as_ref(), 0..u64::MAX, resume, 2, |chunk| {
                written += chunk.codes;
                Ok::<_, CodesError>(())
            })
            .unwrap();
        assert_eq!(written, ranges.len());
    }
}

#[test]
fn an_export_needs_a_separator_and_ranges_of_the_layout() {
    let codec = codec(&[]);
    let beyond = Ranges::new(&[0..5, codec.capacity()..codec.capacity() + 1]).unwrap();
    assert!(matches!(
        Export::new(&codec, &beyond, b"\n"),
        Err(CodesError::RangeInvalid { .. })
    ));
    assert!(matches!(
        Export::new(&codec, &ranges(), b""),
        Err(CodesError::SeparatorEmpty)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_of_an_export_are_the_export(cuts in proptest::collection::vec(0_u64..1_500, 0..6)) {
        let codec = codec(&["22"]);
        let ranges = Ranges::new(&[1_000..1_700, 5..6, 90_000..90_800]).unwrap();
        let export = Export::new(&codec, &ranges, b"\n").unwrap();
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        export.append(0..ranges.len(), &mut whole).unwrap();
        let mut cuts = cuts;
        cuts.extend([0, ranges.len()]);
        cuts.sort_unstable();
        for piece in cuts.windows(2) {
            export.append(piece[0]..piece[1], &mut pieces).unwrap();
        }
        prop_assert_eq!(pieces, whole);
    }
}
