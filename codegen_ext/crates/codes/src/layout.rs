//! A layout, ready to use: where the symbols go, how a typed text is read, and
//! which texts it could ever spell.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::blocklist::{Blocklist, SHARE_MAX_PERCENT};
use crate::charset::{Charset, NOT_A_SYMBOL};
use crate::check::CheckTable;
use crate::error::CodesError;
use crate::spec::{LENGTH_MAX, LayoutSpec};

/// Codes drawn to estimate what a blocklist blocks.
const SAMPLE: u32 = 2_000;

/// How the codes of one or more campaigns are built.
#[derive(Debug, Clone)]
pub struct Layout {
    spec: LayoutSpec,
    pub(crate) charset: Charset,
    pub(crate) slots: Vec<Slot>,
    pub(crate) check: Option<CheckTable>,
    pub(crate) blocklist: Option<Blocklist>,
    fingerprint: String,
}

/// One byte of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Always this byte.
    Literal(u8),
    /// A random symbol; they are counted from the left.
    Symbol,
    /// The check symbol.
    Check,
}

/// The values of a text's random symbols, without its literals.
pub(crate) struct Values {
    values: [u8; LENGTH_MAX],
    length: usize,
}

impl Values {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.values[..self.length]
    }

    pub(crate) fn empty() -> Self {
        Self {
            values: [0; LENGTH_MAX],
            length: 0,
        }
    }

    pub(crate) fn push(&mut self, value: u8) {
        self.values[self.length] = value;
        self.length += 1;
    }
}

impl Layout {
    /// Checks a spec and prepares it.
    pub fn compile(spec: &LayoutSpec) -> Result<Self, CodesError> {
        let spec = spec.canonical()?;
        let literal = |text: &str| text.bytes().map(Slot::Literal).collect::<Vec<_>>();
        let mut slots = literal(&spec.prefix);
        slots.extend(spec.pattern_or_length().bytes().map(|byte| match byte {
            b'#' => Slot::Symbol,
            literal => Slot::Literal(literal),
        }));
        if spec.check_symbol {
            slots.push(Slot::Check);
        }
        slots.extend(literal(&spec.postfix));
        let charset = Charset::new(&spec.charset);
        let layout = Self {
            check: spec.check_symbol.then(|| CheckTable::new(charset.len())),
            blocklist: Blocklist::new(&spec.blocklist)?,
            fingerprint: fingerprint(&slots, &spec),
            spec,
            charset,
            slots,
        };
        match layout.blocked_percent() {
            percent if percent > SHARE_MAX_PERCENT => {
                Err(CodesError::BlocklistTooBroad { percent })
            }
            _ => Ok(layout),
        }
    }

    /// The spec with every default spelled out, as it must be stored.
    pub fn spec(&self) -> &LayoutSpec {
        &self.spec
    }

    /// Names what the layout spells and skips: 32 hexadecimal digits, equal for
    /// two layouts exactly when they make the same code of the same index and key.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Bytes of every code.
    pub fn width(&self) -> usize {
        self.slots.len()
    }

    /// Random symbols of every code.
    pub fn symbols(&self) -> usize {
        self.slots
            .iter()
            .filter(|slot| **slot == Slot::Symbol)
            .count()
    }

    /// How many codes the layout can spell, blocked ones included. Stops at
    /// `u128::MAX`, which only layouts with more than 128 bits reach.
    pub fn domain(&self) -> u128 {
        power(self.charset.len(), self.symbols())
    }

    /// The text in the layout's own spelling, or None when it does not have the
    /// layout's shape. Space around it is ignored; case and look-alikes are
    /// read as the one symbol that they can mean. Does not look at the check symbol.
    pub fn normalise(&self, text: &[u8]) -> Option<String> {
        let text = text.trim_ascii();
        if text.len() != self.slots.len() {
            return None;
        }
        let spelled = |(slot, &byte): (&Slot, &u8)| self.spelling_of(*slot, byte).map(char::from);
        self.slots.iter().zip(text).map(spelled).collect()
    }

    /// True when the text is one that the layout could spell, check symbol included.
    pub fn accepts(&self, text: &[u8]) -> bool {
        self.read(text).is_some()
    }

    /// Whether typed bytes mean the same slot: the byte in the layout's spelling.
    pub(crate) fn spelling_of(&self, slot: Slot, byte: u8) -> Option<u8> {
        match slot {
            Slot::Literal(literal) => self.is_literal(literal, byte).then_some(literal),
            Slot::Symbol | Slot::Check => {
                let value = self.charset.reading(byte);
                self.charset.symbols().get(usize::from(value)).copied()
            }
        }
    }

    /// The values of a typed code whose literals and check symbol are right.
    pub(crate) fn read(&self, text: &[u8]) -> Option<Values> {
        let text = text.trim_ascii();
        if text.len() != self.slots.len() {
            return None;
        }
        let mut values = Values::empty();
        let mut check = NOT_A_SYMBOL;
        for (slot, &byte) in self.slots.iter().zip(text) {
            match *slot {
                Slot::Literal(literal) if self.is_literal(literal, byte) => {}
                Slot::Literal(_) => return None,
                Slot::Symbol | Slot::Check => {
                    let value = self.charset.reading(byte);
                    if value == NOT_A_SYMBOL {
                        return None;
                    }
                    if *slot == Slot::Check {
                        check = value;
                    } else {
                        values.push(value);
                    }
                }
            }
        }
        match &self.check {
            Some(table) if table.value(values.as_slice()) != check => None,
            _ => Some(values),
        }
    }

    /// True when some indices have no code because a word is blocked.
    pub fn has_blocklist(&self) -> bool {
        self.blocklist.is_some()
    }

    /// True when the blocklist skips this code, given in the layout's spelling.
    pub(crate) fn blocks(&self, code: &[u8]) -> bool {
        self.blocklist
            .as_ref()
            .is_some_and(|blocklist| blocklist.blocks(code))
    }

    fn is_literal(&self, literal: u8, byte: u8) -> bool {
        literal == byte || (self.charset.folds_case() && literal.eq_ignore_ascii_case(&byte))
    }

    fn spell(&self, values: &[u8]) -> Vec<u8> {
        let symbols = self.charset.symbols();
        let check = self.check.as_ref().map_or(0, |table| table.value(values));
        let mut values = values.iter();
        let byte_of = |slot: &Slot| match *slot {
            Slot::Literal(literal) => literal,
            Slot::Symbol => symbols[usize::from(*values.next().unwrap_or(&0))],
            Slot::Check => symbols[usize::from(check)],
        };
        self.slots.iter().map(byte_of).collect()
    }

    /// Estimated from a fixed sample, so that the same list is always judged alike.
    fn blocked_percent(&self) -> u32 {
        if self.blocklist.is_none() {
            return 0;
        }
        let size = self.charset.len() as u64;
        let mut random = 1_u64;
        let mut draw = || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((random >> 33) % size) as u8
        };
        let symbols = self.symbols();
        let blocked = (0..SAMPLE).filter(|_| {
            let values: Vec<u8> = (0..symbols).map(|_| draw()).collect();
            self.blocks(&self.spell(&values))
        });
        (blocked.count() as u32 * 100).div_ceil(SAMPLE)
    }
}

/// `base^exponent`, at most `u128::MAX`.
pub(crate) fn power(base: usize, exponent: usize) -> u128 {
    u128::try_from(base)
        .ok()
        .zip(u32::try_from(exponent).ok())
        .and_then(|(base, exponent)| base.checked_pow(exponent))
        .unwrap_or(u128::MAX)
}

fn fingerprint(slots: &[Slot], spec: &LayoutSpec) -> String {
    // The version goes up when codes of an unchanged layout would change.
    let mut hash = Sha256::new_with_prefix(b"promo code layout 1\n");
    for slot in slots {
        hash.update(match *slot {
            Slot::Literal(literal) => [0, literal],
            Slot::Symbol => [1, 0],
            Slot::Check => [2, 0],
        });
    }
    hash.update([3]);
    hash.update(&spec.charset);
    hash.update(Sha256::digest(spec.blocklist.join("\n")));
    hash.finalize()[..16]
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
