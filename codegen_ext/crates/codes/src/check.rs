//! The check symbol: computed from the random symbols alone, without the key,
//! so that a form can find a typing error before it asks anyone.
//!
//! All schemes walk a table over the alphabet: `state = after[state][value]`,
//! then `closing[state]` is the symbol that makes the walk end well.
//!
//! * 2^k symbols, k >= 2: a Damm-type quasigroup over GF(2^k),
//!   `state = x * (state + value)`. Finds every wrong symbol and every swap of
//!   neighbours.
//! * an odd number of symbols: the same over the integers modulo n with the
//!   factor 2. ISO/IEC 7064 doubles modulo n + 1, which loses information when
//!   that is even, so its hybrid systems do not exist for odd n.
//! * otherwise ISO/IEC 7064 hybrid, MOD n+1,n (for 10, 26 and 36 symbols in ASCII order the
//!   standard's own systems). Finds every wrong symbol and all but a few swaps.

/// `x^k` reduced, for the primitive polynomials of GF(4) to GF(64).
const REDUCTIONS: [u8; 7] = [0, 0, 0b11, 0b011, 0b0011, 0b0_0101, 0b00_0011];

/// Bits of the largest value, 63: rows of the table have this fixed size, so
/// that a step is one shift and one load with no check of bounds.
const VALUE_BITS: usize = 6;
const TABLE: usize = 1 << (2 * VALUE_BITS);

/// The walk for one alphabet size.
#[derive(Debug, Clone)]
pub(crate) struct CheckTable {
    start: u8,
    is_linear: bool,
    after: Box<[u8; TABLE]>,
    closing: Vec<u8>,
}

impl CheckTable {
    /// The table for an alphabet of 2 to 64 symbols.
    pub(crate) fn new(size: usize) -> Self {
        let scheme = Scheme::of(size);
        let mut after = Box::new([0; TABLE]);
        for state in 0..size as u8 {
            for value in 0..size as u8 {
                after[row(state) | usize::from(value)] = scheme.after(state, value);
            }
        }
        Self {
            start: scheme.start(),
            after,
            closing: (0..size).map(|state| scheme.closing(state as u8)).collect(),
            is_linear: matches!(scheme, Scheme::Field { .. }),
        }
    }

    /// The value of the check symbol for these values.
    pub(crate) fn value(&self, values: &[u8]) -> u8 {
        let end = values
            .iter()
            .fold(self.start, |state, &value| self.step(state, value));
        self.closing[usize::from(end)]
    }

    /// True when the state is a sum (exclusive or) of one term per symbol, each
    /// depending on its symbol and place only: terms can then be added up in
    /// any order. See [`CheckTable::term`].
    pub(crate) fn is_linear(&self) -> bool {
        self.is_linear
    }

    /// What is left of `state` after `steps` more symbols of value 0.
    pub(crate) fn term(&self, state: u8, steps: usize) -> u8 {
        (0..steps).fold(state, |state, _| self.step(state, 0))
    }

    /// The state after two symbols, from the state 0.
    pub(crate) fn pair(&self, first: u8, second: u8) -> u8 {
        self.step(self.step(0, first), second)
    }

    /// The state before the first symbol.
    pub(crate) fn start(&self) -> u8 {
        self.start
    }

    /// The check symbol of an end state.
    pub(crate) fn closing(&self, state: u8) -> u8 {
        self.closing[usize::from(state)]
    }

    /// How many values and states there are.
    pub(crate) fn size(&self) -> usize {
        self.closing.len()
    }

    /// The state after one more symbol.
    #[inline]
    pub(crate) fn step(&self, state: u8, value: u8) -> u8 {
        self.after[(row(state) | usize::from(value)) % TABLE]
    }
}

fn row(state: u8) -> usize {
    usize::from(state) << VALUE_BITS
}

#[derive(Clone, Copy)]
enum Scheme {
    Field { bits: usize },
    OddRing { modulus: u8 },
    Hybrid { modulus: u8 },
}

impl Scheme {
    fn of(size: usize) -> Self {
        let modulus = size as u8;
        if size.is_power_of_two() && size >= 4 {
            Self::Field {
                bits: size.trailing_zeros() as usize,
            }
        } else if size % 2 == 1 {
            Self::OddRing { modulus }
        } else {
            Self::Hybrid { modulus }
        }
    }

    fn start(self) -> u8 {
        match self {
            // 1, as 0 would let leading symbols of value 0 be dropped or added
            // unseen; the standard starts the hybrid at n, which is state 0.
            Self::Field { .. } | Self::OddRing { .. } => 1,
            Self::Hybrid { .. } => 0,
        }
    }

    fn after(self, state: u8, value: u8) -> u8 {
        match self {
            Self::Field { bits } => {
                let doubled = (state ^ value) << 1;
                let size = 1 << bits;
                if doubled < size {
                    doubled
                } else {
                    doubled ^ size ^ REDUCTIONS[bits]
                }
            }
            Self::OddRing { modulus } => (state + value) * 2 % modulus,
            Self::Hybrid { modulus } => {
                // The standard's intermediate runs over 1..=n; n is kept as 0.
                let sum = (state + value) % modulus;
                let sum = if sum == 0 { modulus } else { sum };
                sum * 2 % (modulus + 1) % modulus
            }
        }
    }

    fn closing(self, state: u8) -> u8 {
        match self {
            Self::Field { .. } => state,
            Self::OddRing { modulus } => (modulus - state) % modulus,
            Self::Hybrid { modulus } => (modulus + 1 - state) % modulus,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: usize = 5;

    fn codes_with_check(size: usize) -> (CheckTable, Vec<Vec<u8>>) {
        let table = CheckTable::new(size);
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let codes = (0..200)
            .map(|_| {
                let mut values: Vec<u8> = (0..LENGTH)
                    .map(|_| {
                        random = random
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1);
                        ((random >> 33) % size as u64) as u8
                    })
                    .collect();
                values.push(table.value(&values));
                values
            })
            .collect();
        (table, codes)
    }

    fn passes(table: &CheckTable, code: &[u8]) -> bool {
        table.value(&code[..LENGTH]) == code[LENGTH]
    }

    #[test]
    fn every_wrong_symbol_is_found_in_every_alphabet_size() {
        for size in 2..=64 {
            let (table, codes) = codes_with_check(size);
            for code in codes {
                assert!(passes(&table, &code));
                for position in 0..=LENGTH {
                    for wrong in (0..size as u8).filter(|value| *value != code[position]) {
                        let mut typed = code.clone();
                        typed[position] = wrong;
                        assert!(
                            !passes(&table, &typed),
                            "size {size}, {code:?} as {typed:?}"
                        );
                    }
                }
            }
        }
    }

    /// Swaps of unequal neighbours that no walk finds, over all states and pairs.
    fn missed_swaps(size: usize) -> usize {
        let table = CheckTable::new(size);
        let after = |state: usize, value: usize| usize::from(table.step(state as u8, value as u8));
        let closes = |state: usize, value: usize| usize::from(table.closing[state]) == value;
        let mut missed = 0;
        for state in 0..size {
            for first in 0..size {
                for second in (0..size).filter(|second| *second != first) {
                    let inner =
                        after(after(state, first), second) == after(after(state, second), first);
                    let last =
                        closes(after(state, first), second) && closes(after(state, second), first);
                    missed += usize::from(inner) + usize::from(last);
                }
            }
        }
        missed
    }

    #[test]
    fn every_swap_of_neighbours_is_found_over_fields_and_odd_alphabets() {
        for size in (3..=64usize).filter(|size| size.is_power_of_two() || size % 2 == 1) {
            assert_eq!(missed_swaps(size), 0, "size {size}");
        }
    }

    #[test]
    fn hybrid_systems_miss_few_swaps_of_neighbours() {
        for size in [10, 26, 36, 62] {
            let pairs = size * size * (size - 1);
            assert!(missed_swaps(size) * 100 < pairs * 4, "size {size}");
        }
    }

    #[test]
    fn hybrid_of_ten_and_thirty_six_agree_with_the_standard() {
        // ISO/IEC 7064 examples: 0794 has 5 under MOD 11,10; A12425GABC1234002
        // has M under MOD 37,36.
        assert_eq!(CheckTable::new(10).value(&[0, 7, 9, 4]), 5);
        let values: Vec<u8> = "A12425GABC1234002"
            .chars()
            .map(|symbol| symbol.to_digit(36).unwrap_or_default() as u8)
            .collect();
        assert_eq!(CheckTable::new(36).value(&values), 22);
    }
}
