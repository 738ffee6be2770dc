//! How many codes a layout may hold before guessing one gets too easy.

use serde::Serialize;

use crate::layout::{Layout, power};
use crate::spec::{LENGTH_DEFAULT, LENGTH_MAX, LENGTH_MIN, LayoutSpec};

/// Smallest code space for a keyed permutation, after NIST SP 800-38G Rev. 1:
/// below, the permutation of a small domain can be learned from few codes.
pub const DOMAIN_MIN: u128 = 1_000_000;

/// Whether codes of a layout can be arithmetic, and if not, what would help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capacity {
    /// Why not; None when the codes fit.
    pub problem: Option<CapacityProblem>,
    /// Fewest random symbols that hold the count, from the layout's own number
    /// up. None when even the longest code of this alphabet does not.
    pub shortest_length: Option<usize>,
}

/// What keeps codes from being arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityProblem {
    /// The layout spells fewer than [`DOMAIN_MIN`] codes.
    DomainTooSmall,
    /// A guess would hit a code more often than the policy allows.
    DensityTooHigh,
}

impl Layout {
    /// Judges `count` codes of this layout. `max_density` is the highest share
    /// of the code space that may be issued, over 0 and at most 1.
    pub fn capacity(&self, count: u64, max_density: f64) -> Capacity {
        let problem = if self.domain() < DOMAIN_MIN {
            Some(CapacityProblem::DomainTooSmall)
        } else if !fits(self.domain(), count, max_density) {
            Some(CapacityProblem::DensityTooHigh)
        } else {
            None
        };
        let shortest_length = shortest_length_for(self.charset.len(), count, max_density)
            .map(|length| length.max(self.symbols()));
        Capacity {
            problem,
            shortest_length,
        }
    }

    /// What is wrong, in words; None when the codes fit.
    pub fn problem(&self, capacity: &Capacity, count: u64, max_density: f64) -> Option<String> {
        let domain = self.domain();
        Some(match capacity.problem? {
            CapacityProblem::DomainTooSmall => {
                format!("the layout spells {domain} codes, computed ones need {DOMAIN_MIN}")
            }
            CapacityProblem::DensityTooHigh => {
                let most = (domain as f64 * max_density).floor();
                format!(
                    "{count} of the layout's {domain} codes are too easy to guess, {most} are not"
                )
            }
        })
    }

    /// The smallest change of the layout that makes the codes fit, in words.
    pub fn suggestion(&self, capacity: &Capacity) -> Option<String> {
        capacity.problem?;
        let Some(length) = capacity.shortest_length else {
            return Some("use an alphabet with more symbols, or fewer codes".to_owned());
        };
        // As symbols, since only the caller knows whether it gave a length or a pattern.
        Some(format!(
            "use {length} random symbols instead of {}",
            self.symbols()
        ))
    }
}

/// Fewest symbols of an alphabet of `symbols` that hold `count` codes within
/// the density; None when the longest code does not.
pub fn shortest_length_for(symbols: usize, count: u64, max_density: f64) -> Option<usize> {
    (LENGTH_MIN..=LENGTH_MAX).find(|&length| {
        let domain = power(symbols, length);
        domain >= DOMAIN_MIN && fits(domain, count, max_density)
    })
}

impl LayoutSpec {
    /// The spec with a length that holds `count` codes, where the caller left
    /// both length and pattern to us: the default length, or more where needed.
    #[must_use]
    pub fn sized_for(&self, count: u64, max_density: f64) -> Self {
        let mut spec = self.clone();
        if spec.length == 0
            && spec.pattern.is_empty()
            && let Ok(canonical) = spec.canonical()
            && let Some(length) = shortest_length_for(canonical.charset.len(), count, max_density)
        {
            spec.length = length.max(LENGTH_DEFAULT) as i64;
        }
        spec
    }
}

fn fits(domain: u128, count: u64, max_density: f64) -> bool {
    // Rounding of the 53-bit mantissa is far below what the policy means.
    count as f64 <= domain as f64 * max_density
}
