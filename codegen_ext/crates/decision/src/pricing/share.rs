//! Exact shares of whole minor units.

use std::cmp::Ordering;

/// One line's part in a sum that is split.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Index of the line.
    pub(super) line: usize,
    /// What the split is proportional to.
    pub(super) weight: i64,
    /// What the line gets.
    pub(super) share: i64,
    remainder: u64,
}

impl Part {
    pub(super) fn new(line: usize, weight: i64) -> Self {
        Self {
            line,
            weight,
            share: 0,
            remainder: 0,
        }
    }
}

/// Splits `total`, at most the sum of the weights, in proportion to them. The
/// shares sum to `total` and none passes its weight: each is rounded down, and the
/// units left over go to the largest remainders, `tie` deciding between equal ones.
pub(super) fn split(total: i64, parts: &mut [Part], tie: impl Fn(usize, usize) -> Ordering) {
    let sum: i64 = parts.iter().map(|part| part.weight).sum();
    debug_assert!(
        (0..=sum).contains(&total),
        "shares cannot pass their weights"
    );
    if total == sum {
        for part in parts {
            part.share = part.weight;
        }
        return;
    }
    let mut left_over = total;
    for part in parts.iter_mut() {
        (part.share, part.remainder) = divide(total, part.weight, sum);
        left_over -= part.share;
    }
    // Fewer units are left over than parts have a remainder.
    let Some(last) = usize::try_from(left_over)
        .ok()
        .and_then(|count| count.checked_sub(1))
    else {
        return;
    };
    let first = |one: &Part, other: &Part| {
        other
            .remainder
            .cmp(&one.remainder)
            .then_with(|| tie(one.line, other.line))
    };
    parts.select_nth_unstable_by(last, first);
    for part in &mut parts[..=last] {
        part.share += 1;
    }
}

/// `value * numerator / denominator`, half up; the denominator is not 0.
pub(super) fn proportion(value: i64, numerator: i64, denominator: i64) -> i64 {
    let (quotient, remainder) = divide(value, numerator, denominator);
    quotient + i64::from(remainder >= denominator.unsigned_abs().div_ceil(2))
}

/// Quotient and remainder of `left * right / divisor`, for numbers at or above
/// zero with a quotient that fits. Carts of an ordinary size stay in 64 bits,
/// where a division costs a tenth.
fn divide(left: i64, right: i64, divisor: i64) -> (i64, u64) {
    let (left, right) = (left.unsigned_abs(), right.unsigned_abs());
    let divisor = divisor.unsigned_abs();
    if let Some(product) = left.checked_mul(right) {
        return ((product / divisor).cast_signed(), product % divisor);
    }
    let product = u128::from(left) * u128::from(right);
    let divisor = u128::from(divisor);
    let quotient = i64::try_from(product / divisor).unwrap_or(i64::MAX);
    let remainder = u64::try_from(product % divisor).unwrap_or(u64::MAX);
    (quotient, remainder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(total: i64, weights: &[i64]) -> Vec<i64> {
        let mut parts: Vec<_> = weights
            .iter()
            .enumerate()
            .map(|(line, weight)| Part::new(line, *weight))
            .collect();
        split(total, &mut parts, |one, other| one.cmp(&other));
        parts.sort_by_key(|part| part.line);
        parts.iter().map(|part| part.share).collect()
    }

    #[test]
    fn units_left_over_go_to_the_largest_remainders() {
        assert_eq!(shares(300, &[3300, 3400]), [148, 152]);
        assert_eq!(shares(100, &[1, 1, 1000]), [0, 0, 100]);
        assert_eq!(shares(2, &[5, 5, 5]), [1, 1, 0]);
    }

    #[test]
    fn a_line_without_weight_gets_nothing() {
        assert_eq!(shares(2, &[0, 1, 2]), [0, 1, 1]);
        assert_eq!(shares(0, &[0, 0]), [0, 0]);
    }

    #[test]
    fn the_largest_amounts_are_exact() {
        let most = 1_000_000_000_000_000;
        assert_eq!(
            shares(most - 1, &[most / 2, most / 2]),
            [most / 2, most / 2 - 1]
        );
    }

    #[test]
    fn a_proportion_is_rounded_half_up() {
        assert_eq!(proportion(5, 1, 2), 3);
        assert_eq!(proportion(10, 1, 3), 3);
        assert_eq!(proportion(11, 1, 3), 4);
        assert_eq!(proportion(50_350, 300, 10_000), 1_511);
        assert_eq!(proportion(103_350, 300, 10_000), 3_101);
        assert_eq!(proportion(7, 3, 3), 7);
    }
}
