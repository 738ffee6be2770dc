//! What callers may rely on, for layouts of every shape.

use std::collections::HashSet;

use promo_codes::{Codec, Layout, LayoutKey, LayoutSpec};
use proptest::prelude::*;

fn key(seed: u8) -> LayoutKey {
    LayoutKey::from_bytes(&[seed; 16]).unwrap()
}

fn codec(spec: &LayoutSpec, seed: u8) -> Codec {
    Codec::new(Layout::compile(spec).unwrap(), &key(seed))
}

fn spec(charset: &str, length: i64) -> LayoutSpec {
    LayoutSpec {
        charset: charset.to_owned(),
        length,
        ..LayoutSpec::default()
    }
}

/// Layouts of 2 to 64 symbols, 4 to 32 of them, with and without everything else.
fn any_spec() -> impl Strategy<Value = LayoutSpec> {
    let printable: Vec<char> = ('!'..='~').collect();
    let charset = proptest::sample::subsequence(printable, 2..=64);
    let literal = "[!-\"$-~]{0,5}";
    (
        charset,
        4_i64..=32,
        literal,
        literal,
        literal,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(charset, length, prefix, middle, postfix, check_symbol, with_pattern)| {
                let (length, pattern) = if with_pattern {
                    let hashes = "#".repeat(usize::try_from(length).unwrap_or_default());
                    let (first, second) = hashes.split_at(hashes.len() / 3);
                    (0, format!("{first}{middle}{second}"))
                } else {
                    (length, String::new())
                };
                let charset = charset.into_iter().collect();
                LayoutSpec {
                    length,
                    charset,
                    prefix,
                    postfix,
                    pattern,
                    check_symbol,
                    ..LayoutSpec::default()
                }
            },
        )
}

#[test]
fn small_domains_are_permuted_without_a_gap_or_a_repeat() {
    for (charset, length) in [
        ("01", 4),
        ("01", 9),
        ("abc", 5),
        ("0123456", 5),
        ("ABCDEFGH", 4),
    ] {
        let codec = codec(&spec(charset, length), 3);
        let capacity = codec.capacity();
        assert_eq!(u128::from(capacity), codec.layout().domain());
        let mut text = Vec::new();
        assert_eq!(
            codec.encode_into(0..capacity, b"\n", &mut text).unwrap(),
            capacity
        );
        let distinct: HashSet<&[u8]> = text.trim_ascii_end().split(|byte| *byte == b'\n').collect();
        assert_eq!(distinct.len() as u64, capacity, "{charset} {length}");
        for (index, code) in (0..).zip(text.trim_ascii_end().split(|byte| *byte == b'\n')) {
            assert_eq!(codec.decode(code), Some(index));
        }
        assert_eq!(codec.encode(capacity), None);
    }
}

#[test]
fn another_key_gives_other_codes() {
    let (one, other) = (
        codec(&LayoutSpec::default(), 1),
        codec(&LayoutSpec::default(), 2),
    );
    assert!((0..100).all(|index| one.encode(index) != other.encode(index)));
    let same = codec(&LayoutSpec::default(), 1);
    assert!((0..100).all(|index| one.encode(index) == same.encode(index)));
}

#[test]
fn neighbouring_codes_share_symbols_no_more_often_than_chance() {
    let codec = codec(&spec("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 10), 5);
    let spelled: Vec<String> = (0..20_000)
        .filter_map(|index| codec.encode(index))
        .collect();
    let mut equal = 0_u32;
    for pair in spelled.windows(2) {
        equal += pair[0]
            .bytes()
            .zip(pair[1].bytes())
            .map(|(a, b)| u32::from(a == b))
            .sum::<u32>();
    }
    // 10 / 32 expected per pair, 6,250 in all, standard deviation 78.
    assert!((5_860..6_640).contains(&equal), "{equal}");
}

#[test]
fn every_single_wrong_symbol_is_refused_where_there_is_a_check_symbol() {
    for charset in ["0123456789ABCDEFGHJKMNPQRSTVWXYZ", "", "0123456789"] {
        let codec = codec(
            &LayoutSpec {
                check_symbol: true,
                ..spec(charset, 8)
            },
            9,
        );
        let symbols = codec.layout().spec().charset.clone();
        for index in 0..20 {
            let code = codec.encode(index).unwrap().into_bytes();
            for position in 0..code.len() {
                for wrong in symbols.bytes().filter(|symbol| *symbol != code[position]) {
                    let mut typed = code.clone();
                    typed[position] = wrong;
                    assert_eq!(codec.decode(&typed), None);
                }
            }
        }
    }
}

#[test]
fn blocked_words_never_show_and_their_indices_have_no_code() {
    let blocklist = vec!["aB".to_owned(), "cc".to_owned(), "bad".to_owned()];
    let codec = codec(
        &LayoutSpec {
            blocklist,
            ..spec("ABCDE", 6)
        },
        4,
    );
    let capacity = codec.capacity();
    let mut text = Vec::new();
    let count = codec.encode_into(0..capacity, b"\n", &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(["AB", "CC", "BAD"].iter().all(|word| !text.contains(word)));
    assert_eq!(text.lines().count() as u64, count);
    assert_eq!(codec.count_blocked(0..capacity).unwrap(), capacity - count);
    assert!(0 < count && count < capacity);
    let spelled: Vec<u64> = text
        .lines()
        .map(|code| codec.decode(code.as_bytes()).unwrap())
        .collect();
    let wanted: Vec<u64> = (0..capacity)
        .filter(|index| !codec.is_blocked(*index))
        .collect();
    assert_eq!(spelled, wanted);
    assert!((0..capacity).all(|index| codec.is_blocked(index) == codec.encode(index).is_none()));
    // No key spells a blocked text, so none reads one.
    assert_eq!(codec.decode(b"ABDDDD"), None);

    let end = codec.end_of_range(7, 100).unwrap();
    assert_eq!(end - 7 - codec.count_blocked(7..end).unwrap(), 100);
    assert!(
        !codec.is_blocked(end - 1),
        "the shortest such range ends on a code"
    );
    assert_eq!(codec.end_of_range(0, capacity), None);
}

#[test]
fn ranges_beyond_the_capacity_are_refused() {
    let codec = codec(&spec("01", 4), 1);
    assert!(codec.encode_into(0..17, b"\n", &mut Vec::new()).is_err());
    assert!(codec.count_blocked(5..17).is_err());
    assert_eq!(codec.encode(u64::MAX), None);
    assert_eq!(codec.end_of_range(10, 7), None);
}

#[test]
fn lines_are_decoded_in_order_with_and_without_a_last_line_feed() {
    let codec = codec(&LayoutSpec::default(), 1);
    let mut text = Vec::new();
    codec.encode_into(40..300, b"\n", &mut text).unwrap();
    text.extend_from_slice(b"nonsense\n\r\n");
    let mut wanted: Vec<Option<u64>> = (40..300).map(Some).collect();
    wanted.extend([None, None]);
    let decoded = |text: &[u8]| {
        let mut indices = Vec::new();
        codec.decode_lines(text, |index| indices.push(index));
        indices
    };
    assert_eq!(decoded(&text), wanted);
    assert_eq!(decoded(text.trim_ascii_end()), wanted[..261]);
    assert_eq!(decoded(b""), []);
    assert_eq!(decoded(b"\n\n"), [None, None]);
}

proptest! {
    #[test]
    fn a_code_decodes_to_its_index(spec in any_spec(), seed: u8, start: u64, count in 1_u64..300) {
        let codec = codec(&spec, seed);
        let start = start % codec.capacity();
        let end = start.saturating_add(count).min(codec.capacity());
        let mut text = Vec::new();
        codec.encode_into(start..end, b"\n", &mut text).unwrap();
        let mut indices = Vec::new();
        codec.decode_lines(&text, |index| indices.push(index));
        prop_assert_eq!(indices, (start..end).map(Some).collect::<Vec<_>>());
        let code = codec.encode(start).unwrap();
        prop_assert_eq!(code.as_bytes(), &text[..code.len()]);
        prop_assert_eq!(codec.decode(code.as_bytes()), Some(start));
        prop_assert_eq!(codec.layout().normalise(code.as_bytes()), Some(code));
    }

    #[test]
    fn any_bytes_are_no_code_or_spell_the_code_of_their_index(
        spec in any_spec(), seed: u8, bytes in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let codec = codec(&spec, seed);
        if let Some(index) = codec.decode(&bytes) {
            prop_assert_eq!(codec.encode(index), codec.layout().normalise(&bytes));
        }
    }

    #[test]
    fn a_text_of_the_right_shape_is_no_code_or_spells_the_code_of_its_index(
        spec in any_spec(), seed: u8, index: u64, changes in proptest::collection::vec(any::<(u8, u8)>(), 0..4),
    ) {
        let codec = codec(&spec, seed);
        let mut text = codec.encode(index % codec.capacity()).unwrap().into_bytes();
        let symbols = codec.layout().spec().charset.as_bytes().to_vec();
        for (position, symbol) in changes {
            let position = usize::from(position) % text.len();
            text[position] = symbols[usize::from(symbol) % symbols.len()];
        }
        if let Some(index) = codec.decode(&text) {
            prop_assert!(codec.layout().accepts(&text));
            prop_assert_eq!(codec.encode(index), codec.layout().normalise(&text));
        }
    }

    #[test]
    fn a_layout_stored_in_its_canonical_form_is_the_same_layout(spec in any_spec()) {
        let layout = Layout::compile(&spec).unwrap();
        let stored = serde_json::to_string(layout.spec()).unwrap();
        let again = Layout::compile(&serde_json::from_str(&stored).unwrap()).unwrap();
        prop_assert_eq!(again.spec(), layout.spec());
        prop_assert_eq!(again.fingerprint(), layout.fingerprint());
    }
}
