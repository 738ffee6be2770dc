//! What layouts accept, refuse and can tell apart.

use promo_codes::{CapacityProblem, CodesError, Layout, LayoutSpec, shortest_length_for};

fn compile(spec: &LayoutSpec) -> Layout {
    Layout::compile(spec).unwrap()
}

fn pattern(pattern: &str, charset: &str) -> LayoutSpec {
    LayoutSpec {
        pattern: pattern.to_owned(),
        charset: charset.to_owned(),
        ..LayoutSpec::default()
    }
}

fn refused(spec: &LayoutSpec) -> (&'static str, String) {
    let error = Layout::compile(spec).unwrap_err();
    assert!(error.concerns_layout());
    (error.field(), error.to_string())
}

// A table.
#[allow(clippy::too_many_lines)]
#[test]
fn every_contradiction_is_named_with_its_field() {
    let default = LayoutSpec::default;
    let text = str::to_owned;
    let cases = [
        (
            LayoutSpec {
                length: 3,
                ..default()
            },
            "length",
            "is 3, must be 4 to 32",
        ),
        (
            LayoutSpec {
                length: -1,
                ..default()
            },
            "length",
            "is -1, must be 4 to 32",
        ),
        (
            LayoutSpec {
                length: 33,
                ..default()
            },
            "length",
            "is 33, must be 4 to 32",
        ),
        (
            LayoutSpec {
                length: 8,
                pattern: text("####"),
                ..default()
            },
            "length",
            "give either length or pattern",
        ),
        (
            pattern("AB##", ""),
            "pattern",
            "has 2 of '#', must have 4 to 32",
        ),
        (
            pattern("####\n", ""),
            "pattern",
            "has '\\n'; only printable ASCII without spaces is allowed",
        ),
        (
            pattern("####", "A"),
            "charset",
            "has 1 symbols, must have 2 to 64",
        ),
        (pattern("####", "ABCA"), "charset", "has 'A' twice"),
        (
            pattern("####", "AÄ"),
            "charset",
            "has 'Ä'; only printable ASCII without spaces is allowed",
        ),
        (
            LayoutSpec {
                prefix: "x".repeat(33),
                ..default()
            },
            "prefix",
            "has 33 bytes, at most 32 are allowed",
        ),
        (
            LayoutSpec {
                postfix: text("a b"),
                ..default()
            },
            "postfix",
            "has ' '; only printable ASCII without spaces is allowed",
        ),
        (
            LayoutSpec {
                blocklist: vec![text("x")],
                ..default()
            },
            "blocklist",
            "has the word \"x\"; words have 2 to 16 bytes",
        ),
        (
            LayoutSpec {
                blocklist: vec![text("xy"); 1_001],
                ..default()
            },
            "blocklist",
            "has 1001 words, at most 1000 are allowed",
        ),
        (
            LayoutSpec {
                prefix: text("SALE"),
                blocklist: vec![text("sale")],
                ..default()
            },
            "blocklist",
            "blocks about 100 % of all codes, at most 50 % are allowed",
        ),
    ];
    for (spec, field, problem) in cases {
        assert_eq!(refused(&spec), (field, problem.to_owned()));
    }
}

#[test]
fn the_default_has_ten_symbols_without_vowels_or_look_alikes() {
    let layout = compile(&LayoutSpec::default());
    assert_eq!((layout.symbols(), layout.width()), (10, 10));
    let charset = &layout.spec().charset;
    assert!(
        "AEIOU01LZSB"
            .chars()
            .all(|symbol| !charset.contains(symbol))
    );
    assert_eq!(charset, &charset.to_ascii_uppercase());
}

#[test]
fn typed_texts_are_read_as_the_one_code_that_they_can_mean() {
    let cases = [
        // Case means nothing in an alphabet of one case, literals included.
        (
            pattern("save-####", "ABCDEFGH"),
            " SAVE-abcd\n",
            Some("save-ABCD"),
        ),
        (pattern("####", "abcdABCD"), "aBcD", Some("aBcD")),
        (pattern("x####", "abcdABCD"), "XaBcD", None),
        // Only one of each class is in the alphabet.
        (pattern("####", "0123456789"), "oIlZ", Some("0112")),
        (pattern("####", "2345678CDF"), "sbz2", Some("5822")),
        // Both are in it, or neither.
        (pattern("####", "0123456789OIL"), "OIL0", Some("OIL0")),
        (pattern("####", "ABCDEFGH"), "A0BC", None),
        // Literals are not corrected: 1 and l may both be meant.
        (pattern("1####", "ABCDEFGH"), "lABCD", None),
        (pattern("####-####", "ABCDEFGH"), "ABCDABCD", None),
        (pattern("####", "ABCDEFGH"), "ABC\u{e4}", None),
    ];
    for (spec, typed, wanted) in cases {
        let layout = compile(&spec);
        assert_eq!(
            layout.normalise(typed.as_bytes()).as_deref(),
            wanted,
            "{typed}"
        );
        assert_eq!(layout.accepts(typed.as_bytes()), wanted.is_some());
    }
}

#[test]
fn layouts_overlap_exactly_when_some_text_is_read_by_both() {
    let cases = [
        (pattern("####", "ABCD"), pattern("####", "DEFG"), true),
        (pattern("####", "ABCD"), pattern("####", "EFGH"), false),
        (pattern("####", "ABCD"), pattern("#####", "ABCD"), false),
        (pattern("A####", "ABCD"), pattern("B####", "ABCD"), false),
        (pattern("A####", "ABCD"), pattern("#####", "ABCD"), true),
        (pattern("A####", "BCD"), pattern("#####", "BCD"), false),
        // By case, by look-alikes, and not where neither reads the other's.
        (pattern("a####", "ABCD"), pattern("A####", "ABCD"), true),
        (pattern("a####", "ABcd"), pattern("A####", "ABcd"), false),
        (pattern("####", "0123"), pattern("####", "OXYZ"), true),
        (pattern("####", "3467"), pattern("####", "OXYZ"), false),
    ];
    for (one, other, wanted) in cases {
        let (one, other) = (compile(&one), compile(&other));
        assert_eq!(
            one.overlaps(&other),
            wanted,
            "{:?} {:?}",
            one.spec(),
            other.spec()
        );
        assert_eq!(other.overlaps(&one), wanted);
        assert!(one.overlaps(&one) && other.overlaps(&other));
    }
}

#[test]
fn the_fingerprint_tells_what_is_spelled_and_not_how_it_was_asked_for() {
    let default = compile(&LayoutSpec::default());
    let spelled_out = LayoutSpec {
        pattern: "##########".to_owned(),
        charset: default.spec().charset.chars().rev().collect(),
        ..LayoutSpec::default()
    };
    assert_eq!(compile(&spelled_out).fingerprint(), default.fingerprint());
    let as_prefix = LayoutSpec {
        prefix: "A-".to_owned(),
        ..pattern("####", "")
    };
    assert_eq!(
        compile(&as_prefix).fingerprint(),
        compile(&pattern("A-####", "")).fingerprint()
    );
    let others = [
        LayoutSpec {
            length: 11,
            ..LayoutSpec::default()
        },
        LayoutSpec {
            check_symbol: true,
            ..LayoutSpec::default()
        },
        LayoutSpec {
            prefix: "X".to_owned(),
            ..LayoutSpec::default()
        },
        LayoutSpec {
            blocklist: vec!["XX".to_owned()],
            ..LayoutSpec::default()
        },
        pattern("##########", "ABCD"),
    ];
    for other in others {
        assert_ne!(compile(&other).fingerprint(), default.fingerprint());
    }
}

#[test]
fn a_layout_that_is_too_small_or_too_full_says_what_would_help() {
    let small = compile(&pattern("####", "0123456789"));
    let capacity = small.capacity(1, 1e-6);
    assert_eq!(capacity.problem, Some(CapacityProblem::DomainTooSmall));
    assert_eq!(
        small.suggestion(&capacity).as_deref(),
        Some("use 6 random symbols instead of 4")
    );

    let full = compile(&LayoutSpec::default());
    let capacity = full.capacity(1_000_000_000, 1e-6);
    assert_eq!(capacity.problem, Some(CapacityProblem::DensityTooHigh));
    assert_eq!(
        full.suggestion(&capacity).as_deref(),
        Some("use 11 random symbols instead of 10")
    );

    let fits = full.capacity(10_000_000, 1e-6);
    assert_eq!((fits.problem, full.suggestion(&fits)), (None, None));

    let binary = compile(&pattern("####", "01"));
    let capacity = binary.capacity(1_000_000_000, 1e-6);
    let suggestion = binary.suggestion(&capacity).unwrap();
    assert_eq!(
        suggestion,
        "use an alphabet with more symbols, or fewer codes"
    );
}

#[test]
fn the_shortest_length_is_the_first_that_is_large_and_sparse_enough() {
    // Of 32 symbols, as in the table of n / p: 1 M at 1e-6 and at 1e-9.
    assert_eq!(shortest_length_for(32, 1_000_000, 1e-6), Some(8));
    assert_eq!(shortest_length_for(32, 1_000_000, 1e-9), Some(10));
    assert_eq!(shortest_length_for(32, 1_000_000_000, 1e-6), Some(10));
    assert_eq!(shortest_length_for(32, 1, 1.0), Some(4));
    assert_eq!(shortest_length_for(10, 1, 1.0), Some(6));
    assert_eq!(shortest_length_for(2, u64::MAX, 1e-6), None);
}

#[test]
fn a_spec_without_length_grows_with_the_count_and_one_with_length_does_not() {
    let free = LayoutSpec::default();
    assert_eq!(free.sized_for(1_000, 1e-6).length, 10);
    assert_eq!(free.sized_for(1_000_000_000, 1e-6).length, 11);
    let fixed = LayoutSpec {
        length: 10,
        ..LayoutSpec::default()
    };
    assert_eq!(fixed.sized_for(1_000_000_000, 1e-6), fixed);
    let patterned = pattern("####-####", "");
    assert_eq!(patterned.sized_for(1_000_000_000, 1e-6), patterned);
}

#[test]
fn one_layout_has_one_canonical_form() {
    let canonical = |spec: &LayoutSpec| compile(spec).spec().clone();
    let affixed = LayoutSpec {
        prefix: "A-".to_owned(),
        length: 6,
        postfix: "-Z".to_owned(),
        ..LayoutSpec::default()
    };
    assert_eq!(canonical(&pattern("A-######-Z", "")), canonical(&affixed));
    let checked = LayoutSpec {
        check_symbol: true,
        ..pattern("A-######-Z", "")
    };
    assert_eq!(canonical(&checked).pattern, "######-Z");
    assert_eq!(canonical(&pattern("###-###", "")).pattern, "###-###");
    let long = LayoutSpec {
        prefix: "P".repeat(30),
        ..pattern("ABC####XYZ", "")
    };
    let once = canonical(&long);
    assert_eq!(
        (once.pattern.as_str(), once.postfix.as_str()),
        ("ABC####", "XYZ")
    );
    assert_eq!(canonical(&once), once);
}

#[test]
fn the_domain_stops_at_the_widest_integer() {
    assert_eq!(compile(&pattern("####", "01")).domain(), 16);
    let charset: String = ('0'..='o').collect();
    let wide = LayoutSpec {
        length: 32,
        charset,
        ..LayoutSpec::default()
    };
    assert_eq!(compile(&wide).spec().charset.len(), 64);
    assert_eq!(compile(&wide).domain(), u128::MAX);
}

#[test]
fn an_unknown_field_of_a_stored_layout_is_refused() {
    let unknown = serde_json::from_str::<LayoutSpec>(r#"{"length": 8, "lenght": 9}"#);
    assert!(unknown.unwrap_err().to_string().contains("lenght"));
    assert!(matches!(
        serde_json::from_str(r#"{"length": 5000}"#).map(|spec| Layout::compile(&spec)),
        Ok(Err(CodesError::LengthOutOfRange { length: 5000 }))
    ));
}
