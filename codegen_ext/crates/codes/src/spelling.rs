//! From the two halves of a code value to its text.
//!
//! Works through a batch two symbols at a time, not code by code: each step
//! then does the same thing to many codes, and no code waits for its own last step.

use crate::check::CheckTable;
use crate::half::Half;
use crate::layout::{Layout, Slot, Values};
use crate::permutation::LANES;
use crate::spec::LENGTH_MAX;

/// Room for two digits of 64.
const PAIRS: usize = 1 << 12;
const DIGITS: usize = 1 << 6;
/// Pairs of half a code of the greatest length.
const PAIRS_OF_HALF: usize = LENGTH_MAX / 4;

/// Writes codes of a fixed width.
pub(crate) struct Spelling {
    template: Vec<u8>,
    left: HalfPlaces,
    right: HalfPlaces,
    check: Option<Check>,
    /// By value. Of a fixed size like the tables below, so that looking one up
    /// needs no check of bounds.
    symbols: [u8; DIGITS],
    /// For each two digits: their symbols, then what the check symbol needs of
    /// them.
    pairs: Box<[[u8; 4]; PAIRS]>,
    division: Division,
}

/// How to divide by the square of the alphabet's size.
enum Division {
    /// It is a power of two.
    Shift { bits: u32, mask: u64 },
    /// The dividend is below 2^52: `floor(x * reciprocal / 2^64)` is exact for
    /// divisors up to 4096, as the rounding of the reciprocal adds less than
    /// 4096 * 2^52 / 2^64 = 1 / divisor.
    Reciprocal { divisor: u64, reciprocal: u64 },
    /// The processor divides.
    Plain { divisor: u64 },
}

/// Where the symbols of one half go.
struct HalfPlaces {
    first: Option<Place>,
    pairs: Vec<Place>,
}

/// One or two symbols.
struct Place {
    high: usize,
    low: usize,
    /// Their term of a linear check, by the state they lead to.
    terms: [u8; DIGITS],
}

struct Check {
    position: usize,
    table: CheckTable,
    /// The check symbols by end state.
    symbols: [u8; DIGITS],
    /// The sum of a linear check before any symbol's term.
    start: u8,
}

/// A batch's room for what the check symbols need.
pub(crate) struct Scratch {
    first: Row,
    pairs: [Row; PAIRS_OF_HALF],
    sums: Row,
}

/// Two bytes for each code of a batch.
type Row = [[u8; 2]; LANES];

impl Scratch {
    pub(crate) fn new() -> Self {
        let row = [[0; 2]; LANES];
        Self {
            first: row,
            pairs: [row; PAIRS_OF_HALF],
            sums: row,
        }
    }
}

/// What to keep of each symbol for the check symbol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noting {
    Nothing,
    Sums,
    Values,
}

impl Division {
    fn new(divisor: u64, largest: u128) -> Self {
        if divisor.is_power_of_two() {
            Self::Shift {
                bits: divisor.trailing_zeros(),
                mask: divisor - 1,
            }
        } else if largest < 1 << 52 {
            Self::Reciprocal {
                divisor,
                reciprocal: u64::MAX / divisor + 1,
            }
        } else {
            Self::Plain { divisor }
        }
    }
}

impl Check {
    fn new(position: usize, table: &CheckTable, length: usize, symbols: &[u8; DIGITS]) -> Self {
        let mut by_state = [0; DIGITS];
        for (state, symbol) in (0..).zip(by_state.iter_mut().take(table.size())) {
            *symbol = symbols[usize::from(table.closing(state))];
        }
        Self {
            position,
            table: table.clone(),
            symbols: by_state,
            start: table.term(table.start(), length),
        }
    }
}

impl Spelling {
    /// A spelling of `layout` whose halves are below `largest`.
    pub(crate) fn new(layout: &Layout, largest: u128) -> Self {
        let size = layout.charset.len();
        let mut symbols = [0; DIGITS];
        symbols[..size].copy_from_slice(layout.charset.symbols());
        let positions: Vec<usize> = positions_of(layout, Slot::Symbol).collect();
        let (left, right) = positions.split_at(positions.len().div_ceil(2));
        let table = layout.check.as_ref();
        let mut pairs = Box::new([[0; 4]; PAIRS]);
        for (pair, entry) in pairs.iter_mut().take(size * size).enumerate() {
            let (high, low) = ((pair / size) as u8, (pair % size) as u8);
            let noted = match table {
                Some(table) if table.is_linear() => [table.pair(high, low), 0],
                _ => [high, low],
            };
            *entry = [
                symbols[pair / size],
                symbols[pair % size],
                noted[0],
                noted[1],
            ];
        }
        Self {
            template: layout
                .slots
                .iter()
                .map(|slot| {
                    if let Slot::Literal(literal) = slot {
                        *literal
                    } else {
                        0
                    }
                })
                .collect(),
            left: HalfPlaces::new(left, right.len(), table),
            right: HalfPlaces::new(right, 0, table),
            check: positions_of(layout, Slot::Check)
                .next()
                .zip(table)
                .map(|(position, table)| Check::new(position, table, positions.len(), &symbols)),
            pairs,
            symbols,
            division: Division::new((size * size) as u64, largest),
        }
    }

    /// [`LANES`] codes whose symbols are still missing, each with its separator.
    pub(crate) fn lines(&self, separator: &[u8]) -> Vec<u8> {
        [&self.template, separator].concat().repeat(LANES)
    }

    /// Writes the symbols of these halves into lines of `width` bytes each. Uses
    /// the halves up.
    pub(crate) fn write<H: Half>(
        &self,
        left: &mut [H],
        right: &mut [H],
        lines: &mut [u8],
        width: usize,
        scratch: &mut Scratch,
    ) {
        let Some(check) = &self.check else {
            self.spell(left, &self.left, lines, width, scratch, Noting::Nothing);
            self.spell(right, &self.right, lines, width, scratch, Noting::Nothing);
            return;
        };
        let mut states = [check.table.start(); LANES];
        if check.table.is_linear() {
            scratch.sums = [[check.start, 0]; LANES];
            self.spell(left, &self.left, lines, width, scratch, Noting::Sums);
            self.spell(right, &self.right, lines, width, scratch, Noting::Sums);
            states = scratch.sums.map(|[sum, _]| sum);
        } else {
            for (halves, places) in [(left, &self.left), (right, &self.right)] {
                self.spell(halves, places, lines, width, scratch, Noting::Values);
                places.walk(&check.table, &mut states, scratch);
            }
        }
        let position = check.position;
        assert!(position < width);
        for (line, state) in lines.chunks_exact_mut(width).zip(states) {
            line[position] = check.symbols[usize::from(state) % DIGITS];
        }
    }

    /// From the last pair to the first, as remainders come in that order.
    fn spell<H: Half>(
        &self,
        halves: &mut [H],
        places: &HalfPlaces,
        lines: &mut [u8],
        width: usize,
        scratch: &mut Scratch,
        noting: Noting,
    ) {
        let rows = places.pairs.iter().zip(&mut scratch.pairs).rev();
        for (from_right, (place, row)) in (0..).zip(rows) {
            let target = Target {
                lines,
                width,
                place,
                from_right,
            };
            match noting {
                Noting::Nothing => self.spell_pair(halves, target, row, |_, _| {}),
                Noting::Values => self.spell_pair(halves, target, row, |cell, noted| *cell = noted),
                Noting::Sums => self.spell_pair(halves, target, &mut scratch.sums, |sum, noted| {
                    sum[0] ^= place.terms[usize::from(noted[0]) % DIGITS];
                }),
            }
        }
        let Some(place) = &places.first else { return };
        let passed = match self.division {
            Division::Shift { bits, .. } => bits * places.pairs.len() as u32,
            Division::Reciprocal { .. } | Division::Plain { .. } => 0,
        };
        let cells = scratch.first.iter_mut().zip(&mut scratch.sums);
        for ((half, line), (value, sum)) in
            halves.iter().zip(lines.chunks_exact_mut(width)).zip(cells)
        {
            let digit = half.bits_at(passed, u64::MAX) % DIGITS;
            line[place.high] = self.symbols[digit];
            value[0] = digit as u8;
            sum[0] ^= place.terms[digit];
        }
    }

    /// One way to divide per loop: choosing inside costs more than dividing.
    fn spell_pair<H: Half>(
        &self,
        halves: &mut [H],
        target: Target<'_>,
        row: &mut Row,
        note: impl Fn(&mut [u8; 2], [u8; 2]),
    ) {
        match self.division {
            Division::Shift { bits, mask } => {
                // Nothing is divided, the halves stay as they are.
                let shift = bits * target.from_right;
                let take = |half: &mut H| half.bits_at(shift, mask);
                self.spell_each(halves, take, target, row, note);
            }
            Division::Reciprocal {
                divisor,
                reciprocal,
            } => {
                let take = |half: &mut H| half.divide_by_reciprocal(divisor, reciprocal);
                self.spell_each(halves, take, target, row, note);
            }
            Division::Plain { divisor } => {
                let take = |half: &mut H| half.divide(divisor);
                self.spell_each(halves, take, target, row, note);
            }
        }
    }

    #[inline]
    fn spell_each<H: Half>(
        &self,
        halves: &mut [H],
        take: impl Fn(&mut H) -> usize,
        target: Target<'_>,
        row: &mut Row,
        note: impl Fn(&mut [u8; 2], [u8; 2]),
    ) {
        let Target {
            lines,
            width,
            place: &Place { high, low, .. },
            ..
        } = target;
        // Once here instead of at every line.
        assert!(high < low && low < width);
        let lines = lines.chunks_exact_mut(width);
        let cells = halves.iter_mut().zip(lines).zip(row);
        let next_pair = |half: &mut H| self.pairs[take(half) % PAIRS];
        if low == high + 1 {
            // Nearly always, and one store instead of two.
            for ((half, line), cell) in cells {
                let [first, second, noted @ ..] = next_pair(half);
                line[high..high + 2].copy_from_slice(&[first, second]);
                note(cell, noted);
            }
        } else {
            for ((half, line), cell) in cells {
                let [first, second, noted @ ..] = next_pair(half);
                line[high] = first;
                line[low] = second;
                note(cell, noted);
            }
        }
    }
}

/// Two symbols of every line.
struct Target<'a> {
    lines: &'a mut [u8],
    width: usize,
    place: &'a Place,
    /// How many pairs of the half stand behind it.
    from_right: u32,
}

impl HalfPlaces {
    /// `after` symbols follow this half.
    fn new(positions: &[usize], after: usize, check: Option<&CheckTable>) -> Self {
        let (first, pairs) = positions.split_at(positions.len() % 2);
        let terms = |remaining: usize, state_of: &dyn Fn(&CheckTable, u8) -> u8| {
            let Some(table) = check.filter(|table| table.is_linear()) else {
                return [0; DIGITS];
            };
            let mut terms = [0; DIGITS];
            for (value, term) in (0..).zip(terms.iter_mut().take(table.size())) {
                *term = table.term(state_of(table, value), remaining);
            }
            terms
        };
        Self {
            first: first.first().map(|&position| Place {
                high: position,
                low: position,
                terms: terms(pairs.len() + after, &|table, value| table.step(0, value)),
            }),
            pairs: pairs
                .chunks_exact(2)
                .enumerate()
                .map(|(index, pair)| Place {
                    high: pair[0],
                    low: pair[1],
                    terms: terms(pairs.len() - 2 * (index + 1) + after, &|_, state| state),
                })
                .collect(),
        }
    }

    fn walk(&self, table: &CheckTable, states: &mut [u8; LANES], scratch: &Scratch) {
        if self.first.is_some() {
            for (state, [value, _]) in states.iter_mut().zip(&scratch.first) {
                *state = table.step(*state, *value);
            }
        }
        for row in &scratch.pairs[..self.pairs.len()] {
            for (state, [high, low]) in states.iter_mut().zip(row) {
                *state = table.step(table.step(*state, *high), *low);
            }
        }
    }
}

fn positions_of(layout: &Layout, wanted: Slot) -> impl Iterator<Item = usize> {
    let matches = move |(position, slot): (usize, &Slot)| (*slot == wanted).then_some(position);
    layout.slots.iter().enumerate().filter_map(matches)
}

/// The halves of a code's values.
pub(crate) fn halves_of<H: Half>(values: &Values, size: usize) -> (H, H) {
    let values = values.as_slice();
    let (left, right) = values.split_at(values.len().div_ceil(2));
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(H::ZERO, |half, &digit| half.push_digit(size as u64, digit))
    };
    (number(left), number(right))
}
