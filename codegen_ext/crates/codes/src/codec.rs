//! Codes of one layout under its key: index -> code -> index.

use std::ops::Range;

use crate::error::CodesError;
use crate::half::{Half, NARROW_MAX};
use crate::layout::{Layout, Values, power};
use crate::permutation::{LANES, Lanes, Permutation};
use crate::spelling::{Scratch, Spelling, halves_of};
use crate::wrap::LayoutKey;

/// Turns indices into codes and codes into indices. Cheap to share between
/// threads; holds no other state than its key.
pub struct Codec {
    layout: Layout,
    spelling: Spelling,
    machine: Machine,
    capacity: u64,
}

enum Machine {
    Narrow(Halves<u64>),
    Wide(Halves<u128>),
}

struct Halves<H> {
    permutation: Permutation<H>,
    modulus_right: H,
}

/// Runs the same expression on whichever width the layout has.
macro_rules! with_halves {
    ($machine:expr, $halves:ident => $body:expr) => {
        match $machine {
            Machine::Narrow($halves) => $body,
            Machine::Wide($halves) => $body,
        }
    };
}

impl Codec {
    /// The codes of a layout under its key. The same layout and key give the
    /// same codes for ever; two layouts must never share a key.
    pub fn new(layout: Layout, key: &LayoutKey) -> Self {
        let symbols = layout.symbols();
        let left = power(layout.charset.len(), symbols.div_ceil(2));
        let right = power(layout.charset.len(), symbols / 2);
        let machine = if left <= NARROW_MAX {
            Machine::Narrow(Halves::new(key, left, right))
        } else {
            Machine::Wide(Halves::new(key, left, right))
        };
        Self {
            spelling: Spelling::new(&layout, left),
            machine,
            capacity: u64::try_from(layout.domain()).unwrap_or(u64::MAX),
            layout,
        }
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Indices are `0..capacity`: the layout's domain, at most `u64::MAX`.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The code of an index; None where there is none, because the index is
    /// beyond the capacity or the blocklist skips it.
    pub fn encode(&self, index: u64) -> Option<String> {
        if index >= self.capacity {
            return None;
        }
        let mut text = Vec::with_capacity(self.layout.width());
        self.spell_raw(index..index + 1, b"", &mut text);
        if self.layout.blocks(&text) {
            return None;
        }
        String::from_utf8(text).ok()
    }

    /// True when the blocklist skips this index.
    pub fn is_blocked(&self, index: u64) -> bool {
        self.layout.blocklist.is_some() && index < self.capacity && self.encode(index).is_none()
    }

    /// How many indices of the range the blocklist skips. Spells every code of
    /// the range unless there is no blocklist.
    pub fn count_blocked(&self, range: Range<u64>) -> Result<u64, CodesError> {
        self.check_range(&range)?;
        if self.layout.blocklist.is_none() {
            return Ok(0);
        }
        let mut blocked = 0;
        self.for_each_batch(range, |codes, width| {
            let lines = codes.chunks_exact(width);
            blocked += lines.filter(|code| self.layout.blocks(code)).count() as u64;
        });
        Ok(blocked)
    }

    /// The end of the shortest range from `start` that holds `count` codes;
    /// None when the space ends before. Spells them unless there is no blocklist.
    pub fn end_of_range(&self, start: u64, count: u64) -> Option<u64> {
        let mut end = start
            .checked_add(count)
            .filter(|end| *end <= self.capacity)?;
        let mut missing = self.count_blocked(start..end).ok()?;
        while missing > 0 {
            let next = end
                .checked_add(missing)
                .filter(|end| *end <= self.capacity)?;
            missing = self.count_blocked(end..next).ok()?;
            end = next;
        }
        Some(end)
    }

    /// Appends the codes of a range in order, each followed by `separator`, and
    /// returns how many there were: blocked indices are skipped.
    pub fn encode_into(
        &self,
        range: Range<u64>,
        separator: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<u64, CodesError> {
        self.check_range(&range)?;
        let start = out.len();
        let width = self.layout.width() + separator.len();
        out.reserve(width.saturating_mul((range.end - range.start) as usize));
        self.spell_raw(range, separator, out);
        self.drop_blocked(start, width, out);
        Ok(((out.len() - start) / width) as u64)
    }

    /// The index of a typed code, or None when it is none of this layout's
    /// codes. Says nothing on whether the index was issued.
    pub fn decode(&self, text: &[u8]) -> Option<u64> {
        let values = self.read(text)?;
        self.invert(&[values])[0]
    }

    /// Decodes a text of one code per line, in order.
    pub fn decode_lines(&self, text: &[u8], mut each: impl FnMut(Option<u64>)) {
        if text.is_empty() {
            return;
        }
        // Nothing follows the last line feed.
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let mut lines = text.split(|byte| *byte == b'\n');
        let mut batch = Vec::with_capacity(LANES);
        loop {
            batch.clear();
            batch.extend(lines.by_ref().take(LANES));
            if batch.is_empty() {
                return;
            }
            self.decode_batch(&batch).into_iter().for_each(&mut each);
        }
    }

    /// The indices of at most [`LANES`] typed codes. Apart from `decode_lines`, so
    /// that it is compiled here and not where the closure is.
    fn decode_batch(&self, lines: &[&[u8]]) -> Vec<Option<u64>> {
        let read: Vec<Option<Values>> = lines.iter().map(|line| self.read(line)).collect();
        let valid: Vec<bool> = read.iter().map(Option::is_some).collect();
        let codes: Vec<Values> = read.into_iter().flatten().collect();
        let mut indices = self.invert(&codes).into_iter();
        valid
            .into_iter()
            .map(|valid| {
                if valid {
                    indices.next().flatten()
                } else {
                    None
                }
            })
            .collect()
    }

    /// The indices of at most [`LANES`] code values.
    pub(crate) fn invert(&self, batch: &[Values]) -> [Option<u64>; LANES] {
        let size = self.layout.charset.len();
        with_halves!(&self.machine, halves => halves.invert(batch, size))
    }

    /// The values of a code that the layout spells and does not skip.
    fn read(&self, text: &[u8]) -> Option<Values> {
        let values = self.layout.read(text)?;
        if self.layout.blocklist.is_some() {
            let spelled = self.layout.normalise(text)?;
            if self.layout.blocks(spelled.as_bytes()) {
                return None;
            }
        }
        Some(values)
    }

    pub(crate) fn check_range(&self, range: &Range<u64>) -> Result<(), CodesError> {
        let problem = if range.start > range.end {
            "ends before it starts"
        } else if range.end > self.capacity {
            "ends beyond the layout's last code"
        } else {
            return Ok(());
        };
        Err(CodesError::RangeInvalid {
            start: range.start,
            end: range.end,
            problem,
        })
    }

    /// Appends all codes of a range within the capacity, blocked ones too.
    fn spell_raw(&self, range: Range<u64>, separator: &[u8], out: &mut Vec<u8>) {
        with_halves!(&self.machine, halves => halves.spell(&self.spelling, range, separator, out));
    }

    pub(crate) fn for_each_batch(&self, range: Range<u64>, mut each: impl FnMut(&[u8], usize)) {
        const BATCH: u64 = 4_096;
        let mut codes = Vec::new();
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start.saturating_add(BATCH));
            codes.clear();
            self.spell_raw(start..end, b"", &mut codes);
            each(&codes, self.layout.width());
            start = end;
        }
    }

    fn drop_blocked(&self, start: usize, width: usize, out: &mut Vec<u8>) {
        if self.layout.blocklist.is_none() {
            return;
        }
        let mut kept = start;
        for from in (start..out.len()).step_by(width) {
            if !self.layout.blocks(&out[from..from + self.layout.width()]) {
                out.copy_within(from..from + width, kept);
                kept += width;
            }
        }
        out.truncate(kept);
    }
}

impl<H: Half> Halves<H> {
    fn new(key: &LayoutKey, left: u128, right: u128) -> Self {
        let (left, right) = (H::narrow(left), H::narrow(right));
        Self {
            permutation: Permutation::new(key, left, right),
            modulus_right: right,
        }
    }

    fn spell(&self, spelling: &Spelling, range: Range<u64>, separator: &[u8], out: &mut Vec<u8>) {
        let lines = spelling.lines(separator);
        let width = lines.len() / LANES;
        let modulus_right = self.modulus_right.wide();
        let mut halves = Lanes::zero();
        let mut scratch = Scratch::new();
        let mut index = range.start;
        while index < range.end {
            let left = u128::from(index) / modulus_right;
            let right = u128::from(index) % modulus_right;
            // Up to where the left half counts up: the batch then needs no
            // division of its own for each index.
            let count = (modulus_right - right)
                .min(u128::from(range.end - index))
                .min(LANES as u128) as usize;
            halves.left[..count].fill(H::narrow(left));
            for (half, right) in halves.right[..count].iter_mut().zip(right..) {
                *half = H::narrow(right);
            }
            self.permutation.forward(&mut halves, count);
            let start = out.len();
            out.extend_from_slice(&lines[..count * width]);
            let left = &mut halves.left[..count];
            let right = &mut halves.right[..count];
            spelling.write(left, right, &mut out[start..], width, &mut scratch);
            index += count as u64;
        }
    }

    /// The indices of at most [`LANES`] code values.
    fn invert(&self, batch: &[Values], size: usize) -> [Option<u64>; LANES] {
        let mut lanes = Lanes::zero();
        for (lane, values) in batch.iter().enumerate() {
            (lanes.left[lane], lanes.right[lane]) = halves_of(values, size);
        }
        self.permutation.backward(&mut lanes, batch.len());
        let mut indices = [None; LANES];
        for ((index, left), right) in indices.iter_mut().zip(lanes.left).zip(lanes.right) {
            *index = left
                .wide()
                .checked_mul(self.modulus_right.wide())
                .and_then(|high| high.checked_add(right.wide()))
                .and_then(|index| u64::try_from(index).ok())
                .filter(|index| *index < u64::MAX);
        }
        indices
    }
}
