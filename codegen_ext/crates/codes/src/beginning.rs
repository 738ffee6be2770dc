//! The codes of a campaign that begin with a typed text, without spelling more
//! of them than must be.

use crate::charset::NOT_A_SYMBOL;
use crate::codec::Codec;
use crate::layout::{Layout, Slot, Values, power};
use crate::permutation::LANES;
use crate::ranges::Ranges;

/// What codes begin with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// All of them: the text has no random symbol.
    Every,
    /// Those at these positions, ascending. A position that the blocklist skips
    /// can be among them.
    At(Vec<u64>),
    /// To tell would take too much work, unless the text had so many more symbols.
    TooMany {
        /// Random symbols.
        missing: usize,
    },
}

/// A text that codes can begin with.
struct Start {
    /// In the layout's own spelling.
    text: Vec<u8>,
    /// Of its random symbols.
    values: Values,
}

impl Layout {
    /// The beginning of a code in the layout's own spelling, or None when no code
    /// begins so. Case and look-alikes are read as in whole codes.
    pub fn normalise_beginning(&self, text: &[u8]) -> Option<String> {
        String::from_utf8(self.start(text)?.text).ok()
    }

    fn start(&self, text: &[u8]) -> Option<Start> {
        if text.len() > self.slots.len() {
            return None;
        }
        let mut start = Start {
            text: Vec::with_capacity(text.len()),
            values: Values::empty(),
        };
        for (slot, &byte) in self.slots.iter().zip(text) {
            start.text.push(self.spelling_of(*slot, byte)?);
            let value = self.charset.reading(byte);
            match (slot, &self.check) {
                (Slot::Literal(_), _) => {}
                (Slot::Symbol, _) if value != NOT_A_SYMBOL => start.values.push(value),
                // All random symbols stand before it.
                (Slot::Check, Some(table)) if table.value(start.values.as_slice()) == value => {}
                (Slot::Symbol | Slot::Check, _) => return None,
            }
        }
        Some(start)
    }
}

impl Codec {
    /// The codes among these ranges that begin with a typed text. Looks at as
    /// many codes as either can begin so or are in the ranges, whichever is
    /// less, and at no more than `most`; at one always.
    pub fn locate_beginning(&self, text: &[u8], ranges: &Ranges, most: u64) -> Beginning {
        let layout = self.layout();
        let Some(start) = layout.start(text) else {
            return Beginning::At(Vec::new());
        };
        let known = start.values.as_slice().len();
        if known == 0 {
            return Beginning::Every;
        }
        let (size, open) = (layout.charset.len(), layout.symbols() - known);
        let (possible, most) = (power(size, open), most.max(1));
        if possible > u128::from(most) && ranges.len() > most {
            let fits = |missing: &usize| power(size, open - missing) <= u128::from(most);
            let missing = (1..=open).find(fits).unwrap_or(open);
            return Beginning::TooMany { missing };
        }
        if possible <= u128::from(ranges.len()) {
            Beginning::At(self.among_possible(&start.values, open, ranges))
        } else {
            Beginning::At(self.among_issued(&start.text, ranges))
        }
    }

    /// Reads every code that can begin so.
    fn among_possible(&self, known: &Values, open: usize, ranges: &Ranges) -> Vec<u64> {
        let size = self.layout().charset.len() as u64;
        let mut positions = Vec::new();
        let mut batch = Vec::with_capacity(LANES);
        let count = size.pow(open as u32);
        for rest in 0..count {
            batch.push(known.followed_by(rest, open, size));
            if batch.len() == LANES || rest + 1 == count {
                // Lanes behind the batch hold nothing.
                let indices = self.invert(&batch).into_iter().take(batch.len());
                positions.extend(
                    indices
                        .flatten()
                        .filter_map(|index| ranges.position_of(index)),
                );
                batch.clear();
            }
        }
        positions.sort_unstable();
        positions
    }

    /// Spells every code of the ranges.
    fn among_issued(&self, text: &[u8], ranges: &Ranges) -> Vec<u64> {
        let mut positions = Vec::new();
        let mut position = 0;
        for range in ranges.slice(0..ranges.len()) {
            self.for_each_batch(range, |codes, width| {
                for code in codes.chunks_exact(width) {
                    if code.starts_with(text) {
                        positions.push(position);
                    }
                    position += 1;
                }
            });
        }
        positions
    }
}

impl Values {
    /// These values and then `open` more: the digits of a number.
    fn followed_by(&self, mut number: u64, open: usize, size: u64) -> Self {
        let mut digits = [0; crate::spec::LENGTH_MAX];
        for digit in digits[..open].iter_mut().rev() {
            *digit = (number % size) as u8;
            number /= size;
        }
        let mut all = Self::empty();
        self.as_slice()
            .iter()
            .chain(&digits[..open])
            .for_each(|value| all.push(*value));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LayoutKey, LayoutSpec};

    fn codec(pattern: &str, charset: &str, check_symbol: bool) -> Codec {
        let spec = LayoutSpec {
            pattern: pattern.into(),
            charset: charset.into(),
            check_symbol,
            ..LayoutSpec::default()
        };
        Codec::new(
            Layout::compile(&spec).unwrap(),
            &LayoutKey::random().unwrap(),
        )
    }

    fn begins(codec: &Codec, text: &str, ranges: &Ranges) -> Vec<u64> {
        (0..ranges.len())
            .filter(|&position| {
                let code = codec.encode(ranges.index_at(position).unwrap()).unwrap();
                code.to_lowercase().starts_with(&text.to_lowercase())
            })
            .collect()
    }

    #[test]
    fn both_ways_find_what_a_look_at_every_code_finds() {
        let ranges = Ranges::new(&[7..1_000, 3_000..3_500, 0..5]).unwrap();
        for check_symbol in [false, true] {
            let codec = codec("AB-##-###", "CDFGHJKM", check_symbol);
            let code = codec.encode(3_100).unwrap();
            for length in 0..=code.len() {
                for text in [code[..length].to_owned(), code[..length].to_lowercase()] {
                    let found = codec.locate_beginning(text.as_bytes(), &ranges, u64::MAX);
                    if length <= 3 {
                        assert_eq!(found, Beginning::Every, "{text}");
                    } else {
                        let wanted = begins(&codec, &text, &ranges);
                        assert!(length > 5 || wanted.len() > 1, "{text}");
                        assert_eq!(found, Beginning::At(wanted), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn texts_that_no_code_begins_with_have_no_positions() {
        let codec = codec("AB-##-###", "CDFGHJKM", true);
        let ranges = Ranges::new(std::slice::from_ref(&(0..1_000))).unwrap();
        let code = codec.encode(0).unwrap();
        let wrong = code[..9].to_owned() + if code.ends_with('C') { "D" } else { "C" };
        for text in ["X", "AB.", "AB-A", "AB-CC-CCCCCC", "AB-C\u{e9}", &wrong] {
            let found = codec.locate_beginning(text.as_bytes(), &ranges, 10);
            assert_eq!(found, Beginning::At(Vec::new()), "{text}");
            assert_eq!(codec.layout().normalise_beginning(text.as_bytes()), None);
        }
        assert_eq!(
            codec.layout().normalise_beginning(b"ab-c").as_deref(),
            Some("AB-C")
        );
    }

    #[test]
    fn too_much_work_is_refused_with_what_is_missing() {
        let codec = codec("######", "CDFGHJKM", false);
        let ranges = Ranges::new(std::slice::from_ref(&(0..100_000))).unwrap();
        let missing = |text: &str, most| codec.locate_beginning(text.as_bytes(), &ranges, most);
        assert_eq!(missing("C", 1_000), Beginning::TooMany { missing: 2 });
        assert_eq!(missing("CC", 1_000), Beginning::TooMany { missing: 1 });
        assert_eq!(missing("CCC", 1), Beginning::TooMany { missing: 3 });
        assert!(matches!(missing("CCC", 1_000), Beginning::At(_)));
        assert!(matches!(missing("C", 100_000), Beginning::At(_)));
        assert!(matches!(missing("CCCCCC", 1), Beginning::At(_)));
    }
}
