//! Words that no code may contain. A blocked index is skipped, always the same
//! one, so that nobody has to agree with anybody about it.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::error::CodesError;

/// Most codes that a blocklist may block. Above, a range would hold far more
/// indices than codes and every walk over it would mostly skip.
pub(crate) const SHARE_MAX_PERCENT: u32 = 50;

/// Finds the words of a canonical blocklist in a code, without case.
#[derive(Debug, Clone)]
pub(crate) struct Blocklist {
    automaton: AhoCorasick,
}

impl Blocklist {
    /// None when there is nothing to block. Expects canonical words.
    pub(crate) fn new(words: &[String]) -> Result<Option<Self>, CodesError> {
        if words.is_empty() {
            return Ok(None);
        }
        // A table of all states, some MB at worst: one load per byte of a code.
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)
            .map_err(|_| CodesError::BlocklistTooLong { words: words.len() })?;
        Ok(Some(Self { automaton }))
    }

    /// True when the text contains a word.
    pub(crate) fn blocks(&self, text: &[u8]) -> bool {
        self.automaton.is_match(text)
    }
}
