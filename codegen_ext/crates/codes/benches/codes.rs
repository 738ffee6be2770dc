//! Speed of making and reading codes, on one core: `cargo bench -p promo-codes`.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use promo_codes::{Codec, Layout, LayoutKey, LayoutSpec, Ranges};

const COUNT: u64 = 65_536;

/// Alphabets that take different ways through the arithmetic and the check.
const CHARSETS: [(&str, &str); 3] = [
    ("32 symbols", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
    ("25 symbols", ""),
    ("36 symbols", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
];

fn codec(charset: &str, length: i64, check_symbol: bool) -> Codec {
    let spec = LayoutSpec {
        charset: charset.to_owned(),
        length,
        check_symbol,
        ..LayoutSpec::default()
    };
    let key = LayoutKey::from_bytes(&[7; 16]).expect("a key has 16 bytes");
    Codec::new(Layout::compile(&spec).expect("the layout is valid"), &key)
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(COUNT));
    for (name, charset) in CHARSETS {
        for (check, suffix) in [(false, ""), (true, " and check")] {
            let codec = codec(charset, 10, check);
            let mut out = Vec::new();
            group.bench_function(format!("10 of {name}{suffix}"), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    codec.encode_into(black_box(0..COUNT), b"\n", &mut out)
                });
            });
        }
    }
    let codec = codec(CHARSETS[0].1, 32, false);
    let mut out = Vec::new();
    group.bench_function("32 of 32 symbols", |bencher| {
        bencher.iter(|| {
            out.clear();
            codec.encode_into(black_box(0..COUNT), b"\n", &mut out)
        });
    });
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, charset) in CHARSETS {
        let codec = codec(charset, 10, true);
        let ranges = Ranges::new(&[0..COUNT / 2, COUNT..COUNT * 2]).expect("they do not meet");
        let mut text = Vec::new();
        codec
            .encode_into(0..COUNT, b"\n", &mut text)
            .expect("they are within the capacity");
        group.throughput(Throughput::Elements(COUNT));
        group.bench_function(format!("lines of {name} with membership"), |bencher| {
            bencher.iter(|| {
                let mut members = 0_u64;
                codec.decode_lines(black_box(&text), |index| {
                    members +=
                        u64::from(index.is_some_and(|index| ranges.position_of(index).is_some()));
                });
                members
            });
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("one of {name}"), |bencher| {
            bencher.iter(|| codec.decode(black_box(&text[..11])));
        });
    }
    group.finish();
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);
