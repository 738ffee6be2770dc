//! Everything that can be wrong with a layout, a key, a range or an export.

use std::io;

/// Why something about codes was refused. [`CodesError::field`] names the input
/// at fault and the message is the problem in words, so that a caller can show
/// both without knowing the variants.
#[derive(Debug, thiserror::Error)]
pub enum CodesError {
    /// Both ways of saying how long a code is were used.
    #[error("give either length or pattern")]
    LengthWithPattern,
    /// The number of random symbols is out of range.
    #[error("is {length}, must be {min} to {max}", min = crate::spec::LENGTH_MIN, max = crate::spec::LENGTH_MAX)]
    LengthOutOfRange {
        /// What was asked for.
        length: i64,
    },
    /// The pattern has too few or too many `#`.
    #[error("has {symbols} of '#', must have {min} to {max}", min = crate::spec::LENGTH_MIN, max = crate::spec::LENGTH_MAX)]
    PatternSymbolsOutOfRange {
        /// How many it has.
        symbols: usize,
    },
    /// The alphabet has too few or too many symbols.
    #[error("has {symbols} symbols, must have {min} to {max}", min = crate::spec::CHARSET_MIN, max = crate::spec::CHARSET_MAX)]
    CharsetSizeOutOfRange {
        /// How many it has.
        symbols: usize,
    },
    /// A symbol of the alphabet comes twice.
    #[error("has '{symbol}' twice")]
    CharsetRepeats {
        /// The symbol.
        symbol: char,
    },
    /// A text has a character that not everyone can type or that breaks lines.
    #[error("has {character:?}; only printable ASCII without spaces is allowed")]
    NotPrintable {
        /// The field that has it.
        field: &'static str,
        /// The first such character.
        character: char,
    },
    /// A text is too long.
    #[error("has {length} bytes, at most {max} are allowed")]
    TextTooLong {
        /// The field that is too long.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The most it may have.
        max: usize,
    },
    /// The blocklist has too many words.
    #[error("has {words} words, at most {max} are allowed", max = crate::spec::BLOCKLIST_MAX)]
    BlocklistTooLong {
        /// How many it has.
        words: usize,
    },
    /// A blocked word is too short or too long.
    #[error("has the word {word:?}; words have {min} to {max} bytes", min = crate::spec::WORD_MIN, max = crate::spec::WORD_MAX)]
    BlockedWordOutOfRange {
        /// The word.
        word: String,
    },
    /// Too few codes would be left.
    #[error("blocks about {percent} % of all codes, at most {max} % are allowed", max = crate::blocklist::SHARE_MAX_PERCENT)]
    BlocklistTooBroad {
        /// Estimated share of the codes that it blocks.
        percent: u32,
    },
    /// A key does not have the length of its cipher.
    #[error("has {length} bytes, must have {expected}")]
    KeyLength {
        /// Which key.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The length it must have.
        expected: usize,
    },
    /// The wrapped key was altered or belongs to another master.
    #[error("was not wrapped by this master")]
    KeyNotOfMaster,
    /// The system has no randomness to offer.
    #[error("the system's random source failed: {0}")]
    RandomSource(getrandom::Error),
    /// A range is empty, reversed, out of the layout's space, or meets another.
    #[error("[{start}, {end}) {problem}")]
    RangeInvalid {
        /// First index.
        start: u64,
        /// Index after the last.
        end: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Codes would not be told apart.
    #[error("must not be empty")]
    SeparatorEmpty,
    /// The file to be resumed is not a beginning of this export.
    #[error("{problem}")]
    ResumeMismatch {
        /// What differs.
        problem: &'static str,
    },
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl CodesError {
    /// The input at fault, by its name in the layout or call.
    pub fn field(&self) -> &'static str {
        match self {
            Self::LengthWithPattern | Self::LengthOutOfRange { .. } => "length",
            Self::PatternSymbolsOutOfRange { .. } => "pattern",
            Self::CharsetSizeOutOfRange { .. } | Self::CharsetRepeats { .. } => "charset",
            Self::NotPrintable { field, .. }
            | Self::TextTooLong { field, .. }
            | Self::KeyLength { field, .. } => field,
            Self::BlocklistTooLong { .. }
            | Self::BlockedWordOutOfRange { .. }
            | Self::BlocklistTooBroad { .. } => "blocklist",
            Self::KeyNotOfMaster => "wrapped_key",
            Self::RandomSource(_) => "key",
            Self::RangeInvalid { .. } => "ranges",
            Self::SeparatorEmpty => "separator",
            Self::ResumeMismatch { .. } | Self::Io(_) => "path",
        }
    }

    /// True when the layout itself is at fault, not a key, a range or a file.
    pub fn concerns_layout(&self) -> bool {
        matches!(
            self.field(),
            "length" | "pattern" | "charset" | "prefix" | "postfix" | "blocklist"
        )
    }
}
