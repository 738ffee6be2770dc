//! The index ranges of one campaign, and the position of each index in them.

use std::ops::Range;

use crate::error::CodesError;

/// Disjoint index ranges in the order in which they were issued. The position
/// of an index is its rank in them: 0 is the first index of the first range.
/// Blocked indices have positions too, so that a position is found without
/// spelling codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges {
    /// By position: the position of each range's first index, and the range.
    pieces: Vec<(u64, Range<u64>)>,
    /// Places in `pieces`, by index.
    by_index: Vec<usize>,
    len: u64,
}

impl Ranges {
    /// Expects ranges that are not empty and do not meet.
    pub fn new(ranges: &[Range<u64>]) -> Result<Self, CodesError> {
        let invalid = |range: &Range<u64>, problem| CodesError::RangeInvalid {
            start: range.start,
            end: range.end,
            problem,
        };
        let mut len = 0_u64;
        let mut pieces = Vec::with_capacity(ranges.len());
        for range in ranges {
            if range.start >= range.end {
                return Err(invalid(range, "is empty or ends before it starts"));
            }
            pieces.push((len, range.clone()));
            // Disjoint ranges below 2^64 cannot pass it; others are found below.
            len = len.saturating_add(range.end - range.start);
        }
        let mut by_index: Vec<usize> = (0..pieces.len()).collect();
        by_index.sort_unstable_by_key(|&place| pieces[place].1.start);
        for pair in by_index.windows(2) {
            let (first, second) = (&pieces[pair[0]].1, &pieces[pair[1]].1);
            if second.start < first.end {
                return Err(invalid(second, "meets another range"));
            }
        }
        Ok(Self {
            pieces,
            by_index,
            len,
        })
    }

    /// How many positions there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True when there is no position.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The index at a position.
    pub fn index_at(&self, position: u64) -> Option<u64> {
        let place = self.piece_at(position)?;
        let (first, range) = &self.pieces[place];
        Some(range.start + (position - first))
    }

    /// The position of an index; None when it is in no range.
    pub fn position_of(&self, index: u64) -> Option<u64> {
        let after = self
            .by_index
            .partition_point(|&place| self.pieces[place].1.start <= index);
        let (first, range) = &self.pieces[*self.by_index.get(after.checked_sub(1)?)?];
        range
            .contains(&index)
            .then(|| first + (index - range.start))
    }

    /// The index ranges of a span of positions, in order. Positions beyond the
    /// last are left out.
    pub fn slice(&self, span: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let end = span.end.min(self.len);
        let from = self.piece_at(span.start).unwrap_or(self.pieces.len());
        self.pieces[from..]
            .iter()
            .take_while(move |(first, _)| *first < end)
            .map(move |(first, range)| {
                let skipped = span.start.saturating_sub(*first);
                let wanted = (end - first).min(range.end - range.start);
                range.start + skipped..range.start + wanted
            })
    }

    fn piece_at(&self, position: u64) -> Option<usize> {
        if position >= self.len {
            return None;
        }
        self.pieces
            .partition_point(|(first, _)| *first <= position)
            .checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges() -> Ranges {
        Ranges::new(&[10..13, 100..101, 0..5]).unwrap()
    }

    #[test]
    fn positions_follow_the_order_of_issue_and_not_of_indices() {
        let indices: Vec<u64> = (0..9)
            .map_while(|position| ranges().index_at(position))
            .collect();
        assert_eq!(indices, [10, 11, 12, 100, 0, 1, 2, 3, 4]);
        for (position, index) in (0..).zip(indices) {
            assert_eq!(ranges().position_of(index), Some(position));
        }
        assert_eq!(ranges().index_at(9), None);
        for outside in [5, 9, 13, 99, 101, u64::MAX] {
            assert_eq!(ranges().position_of(outside), None);
        }
    }

    #[test]
    fn a_slice_is_the_same_positions_as_ranges() {
        for start in 0..=10 {
            for end in start..=11 {
                let sliced: Vec<u64> = ranges().slice(start..end).flatten().collect();
                let wanted: Vec<u64> = (start..end)
                    .filter_map(|position| ranges().index_at(position))
                    .collect();
                assert_eq!(sliced, wanted, "{start}..{end}");
            }
        }
    }

    #[test]
    fn ranges_that_are_empty_or_meet_are_refused() {
        for bad in [
            &[5..5, 8..9][..],
            &[0..10, 9..12],
            &[9..12, 0..10],
            &[3..9, 4..5],
            &[7..7, 1..2],
        ] {
            assert!(
                matches!(Ranges::new(bad), Err(CodesError::RangeInvalid { .. })),
                "{bad:?}"
            );
        }
        assert!(Ranges::new(&[]).unwrap().is_empty());
    }
}
