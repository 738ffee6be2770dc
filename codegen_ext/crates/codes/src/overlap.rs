//! Whether two layouts could mean the same typed text.

use crate::layout::Layout;

impl Layout {
    /// True when some text is read as a code by both layouts, whatever their keys.
    ///
    /// Exact over length, literals, alphabets, case and look-alikes; check
    /// symbols and blocklists are not counted on to tell two layouts apart.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.width() == other.width()
            && self.slots.iter().zip(&other.slots).all(|(&mine, &theirs)| {
                (b'!'..=b'~').any(|byte| {
                    self.spelling_of(mine, byte).is_some()
                        && other.spelling_of(theirs, byte).is_some()
                })
            })
    }
}
