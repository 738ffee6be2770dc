//! How a code is built, as a person or a stored definition says it.

use serde::{Deserialize, Serialize};

use crate::error::CodesError;

/// Fewest random symbols in a code.
pub const LENGTH_MIN: usize = 4;
/// Most random symbols in a code.
pub const LENGTH_MAX: usize = 32;
/// Random symbols when neither a length nor a pattern is given.
pub const LENGTH_DEFAULT: usize = 10;
/// Fewest symbols in an alphabet.
pub const CHARSET_MIN: usize = 2;
/// Most symbols in an alphabet.
pub const CHARSET_MAX: usize = 64;
/// Longest prefix and longest postfix, in bytes.
pub const AFFIX_MAX: usize = 32;
/// Longest pattern, in bytes.
pub const PATTERN_MAX: usize = 96;
/// Most words in a blocklist.
pub const BLOCKLIST_MAX: usize = 1_000;
/// Shortest blocked word, in bytes.
pub const WORD_MIN: usize = 2;
/// Longest blocked word, in bytes.
pub const WORD_MAX: usize = 16;

/// Digits and consonants of which no two look alike: of 0 O, 1 I L, 2 Z, 5 S
/// and 8 B at most the digit is left, and what a reader takes for it is read
/// as it.
pub const CHARSET_DEFAULT: &str = "23456789CDFGHJKMNPQRTVWXY";

/// A layout as it is asked for: `prefix + pattern + [check symbol] + postfix`.
/// Every field may be left out; 0 and the empty text count as left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayoutSpec {
    /// Random symbols, 4 to 32. Excludes `pattern`.
    pub length: i64,
    /// The alphabet, 2 to 64 distinct symbols. Their order does not matter.
    pub charset: String,
    /// Text before the pattern.
    pub prefix: String,
    /// Text after everything else.
    pub postfix: String,
    /// Literal text in which each `#` is a random symbol.
    pub pattern: String,
    /// Whether a check symbol follows the pattern.
    pub check_symbol: bool,
    /// Words that no code contains, compared without case.
    pub blocklist: Vec<String>,
}

impl LayoutSpec {
    /// The same layout with every default spelled out and sets in order, as it
    /// must be stored: a later change of a default then changes no code.
    pub fn canonical(&self) -> Result<Self, CodesError> {
        let mut spec = self.clone();
        spec.check_texts()?;
        if !spec.pattern.is_empty() {
            if spec.length != 0 {
                return Err(CodesError::LengthWithPattern);
            }
            let symbols = spec.pattern.matches('#').count();
            if !(LENGTH_MIN..=LENGTH_MAX).contains(&symbols) {
                return Err(CodesError::PatternSymbolsOutOfRange { symbols });
            }
        } else if spec.length == 0 {
            spec.length = LENGTH_DEFAULT as i64;
        } else if !(LENGTH_MIN as i64..=LENGTH_MAX as i64).contains(&spec.length) {
            return Err(CodesError::LengthOutOfRange {
                length: spec.length,
            });
        }
        spec.unfold_pattern();
        spec.charset = canonical_charset(&spec.charset)?;
        spec.blocklist = canonical_blocklist(&spec.blocklist)?;
        Ok(spec)
    }

    /// Moves literal text at the pattern's ends out of it, and turns one of `#`
    /// alone into a length, so that one layout has one form.
    fn unfold_pattern(&mut self) {
        let end = self.pattern.rfind('#').map_or(0, |last| last + 1);
        // A check symbol stands between the pattern and the postfix.
        if !self.check_symbol && self.pattern.len() - end + self.postfix.len() <= AFFIX_MAX {
            self.postfix.insert_str(0, &self.pattern.split_off(end));
        }
        let start = self.pattern.find('#').unwrap_or(0);
        if self.prefix.len() + start <= AFFIX_MAX {
            self.prefix.extend(self.pattern.drain(..start));
        }
        if !self.pattern.is_empty() && self.pattern.bytes().all(|byte| byte == b'#') {
            self.length = self.pattern.len() as i64;
            self.pattern.clear();
        }
    }

    /// The pattern, also where only a length was given.
    pub(crate) fn pattern_or_length(&self) -> String {
        if self.pattern.is_empty() {
            "#".repeat(usize::try_from(self.length).unwrap_or(0))
        } else {
            self.pattern.clone()
        }
    }

    fn check_texts(&self) -> Result<(), CodesError> {
        let texts = [
            ("prefix", &self.prefix, AFFIX_MAX),
            ("postfix", &self.postfix, AFFIX_MAX),
            ("pattern", &self.pattern, PATTERN_MAX),
        ];
        for (field, text, max) in texts {
            if text.len() > max {
                return Err(CodesError::TextTooLong {
                    field,
                    length: text.len(),
                    max,
                });
            }
            check_printable(field, text)?;
        }
        check_printable("charset", &self.charset)
    }
}

fn check_printable(field: &'static str, text: &str) -> Result<(), CodesError> {
    match text.chars().find(|character| !character.is_ascii_graphic()) {
        Some(character) => Err(CodesError::NotPrintable { field, character }),
        None => Ok(()),
    }
}

fn canonical_charset(charset: &str) -> Result<String, CodesError> {
    let given = if charset.is_empty() {
        CHARSET_DEFAULT
    } else {
        charset
    };
    let mut symbols: Vec<char> = given.chars().collect();
    symbols.sort_unstable();
    if let Some(pair) = symbols.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(CodesError::CharsetRepeats { symbol: pair[0] });
    }
    if !(CHARSET_MIN..=CHARSET_MAX).contains(&symbols.len()) {
        return Err(CodesError::CharsetSizeOutOfRange {
            symbols: symbols.len(),
        });
    }
    Ok(symbols.into_iter().collect())
}

fn canonical_blocklist(blocklist: &[String]) -> Result<Vec<String>, CodesError> {
    if blocklist.len() > BLOCKLIST_MAX {
        return Err(CodesError::BlocklistTooLong {
            words: blocklist.len(),
        });
    }
    let mut words = Vec::with_capacity(blocklist.len());
    for word in blocklist {
        if !(WORD_MIN..=WORD_MAX).contains(&word.len()) {
            return Err(CodesError::BlockedWordOutOfRange { word: word.clone() });
        }
        check_printable("blocklist", word)?;
        words.push(word.to_ascii_lowercase());
    }
    words.sort_unstable();
    words.dedup();
    Ok(words)
}
