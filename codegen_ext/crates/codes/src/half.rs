//! The arithmetic of half a code, in the narrowest integer that holds it.

/// An unsigned integer with room for the sum of two halves.
pub(crate) trait Half: Copy + Send + Sync + 'static {
    /// Nought.
    const ZERO: Self;
    /// From a value known to fit.
    fn narrow(value: u128) -> Self;
    /// As the widest integer.
    fn wide(self) -> u128;
    /// Low and high word, as they go into a block.
    fn words(self) -> [u64; 2];
    /// The exponent of a power of two.
    fn power_of_two(self) -> Option<u32>;
    /// The `bits` highest bits of a block.
    fn top_bits(block: [u64; 2], bits: u32) -> Self;
    /// `floor(block * modulus / 2^128)`.
    fn scale(block: [u64; 2], modulus: Self) -> Self;
    /// Sum or difference modulo a power of two.
    #[must_use]
    fn combine_masked<const ADD: bool>(self, other: Self, modulus: Self) -> Self;
    /// Sum or difference modulo any modulus; both values are below it.
    #[must_use]
    fn combine_modulo<const ADD: bool>(self, other: Self, modulus: Self) -> Self;
    /// The bits from `shift` on, under a mask.
    fn bits_at(self, shift: u32, mask: u64) -> usize;
    /// Divides by a divisor whose reciprocal is exact, and returns the remainder.
    fn divide_by_reciprocal(&mut self, divisor: u64, reciprocal: u64) -> usize;
    /// Divides, and returns the remainder.
    fn divide(&mut self, divisor: u64) -> usize;
    /// Appends a digit to a number of base `size`.
    #[must_use]
    fn push_digit(self, size: u64, digit: u8) -> Self;
}

/// Largest half that `u64` arithmetic takes: sums need one more bit.
pub(crate) const NARROW_MAX: u128 = 1 << 62;

impl Half for u64 {
    const ZERO: Self = 0;

    fn narrow(value: u128) -> Self {
        value as Self
    }

    #[inline]
    fn wide(self) -> u128 {
        u128::from(self)
    }

    #[inline]
    fn words(self) -> [u64; 2] {
        [self, 0]
    }

    fn power_of_two(self) -> Option<u32> {
        self.is_power_of_two().then(|| self.trailing_zeros())
    }

    #[inline]
    fn top_bits(block: [u64; 2], bits: u32) -> Self {
        block[1] >> (64 - bits)
    }

    #[inline]
    fn scale(block: [u64; 2], modulus: Self) -> Self {
        let modulus = u128::from(modulus);
        let [low, high] = block.map(|word| u128::from(word) * modulus);
        ((high + (low >> 64)) >> 64) as Self
    }

    #[inline]
    fn combine_masked<const ADD: bool>(self, other: Self, modulus: Self) -> Self {
        let sum = if ADD {
            self.wrapping_add(other)
        } else {
            self.wrapping_sub(other)
        };
        sum & (modulus - 1)
    }

    #[inline]
    fn combine_modulo<const ADD: bool>(self, other: Self, modulus: Self) -> Self {
        let sum = if ADD {
            self + other
        } else {
            self + (modulus - other)
        };
        // As a minimum, since a branch on a random value is mispredicted.
        sum.min(sum.wrapping_sub(modulus))
    }

    #[inline]
    fn bits_at(self, shift: u32, mask: u64) -> usize {
        ((self >> shift) & mask) as usize
    }

    #[inline]
    fn divide_by_reciprocal(&mut self, divisor: u64, reciprocal: u64) -> usize {
        let quotient = ((u128::from(*self) * u128::from(reciprocal)) >> 64) as Self;
        let remainder = *self - quotient * divisor;
        *self = quotient;
        remainder as usize
    }

    #[inline]
    fn divide(&mut self, divisor: u64) -> usize {
        let remainder = *self % divisor;
        *self /= divisor;
        remainder as usize
    }

    #[inline]
    fn push_digit(self, size: u64, digit: u8) -> Self {
        self * size + Self::from(digit)
    }
}

impl Half for u128 {
    const ZERO: Self = 0;

    fn narrow(value: u128) -> Self {
        value
    }

    fn wide(self) -> u128 {
        self
    }

    fn words(self) -> [u64; 2] {
        [self as u64, (self >> 64) as u64]
    }

    fn power_of_two(self) -> Option<u32> {
        self.is_power_of_two().then(|| self.trailing_zeros())
    }

    fn top_bits(block: [u64; 2], bits: u32) -> Self {
        join(block) >> (128 - bits)
    }

    fn scale(block: [u64; 2], modulus: Self) -> Self {
        let [block_low, block_high] = block.map(Self::from);
        let [modulus_low, modulus_high] = modulus.words().map(Self::from);
        let low = block_low * modulus_low;
        let middle = block_high * modulus_low + (low >> 64);
        let other_middle = block_low * modulus_high + (middle & u128::from(u64::MAX));
        block_high * modulus_high + (middle >> 64) + (other_middle >> 64)
    }

    fn combine_masked<const ADD: bool>(self, other: Self, modulus: Self) -> Self {
        let sum = if ADD {
            self.wrapping_add(other)
        } else {
            self.wrapping_sub(other)
        };
        sum & (modulus - 1)
    }

    fn combine_modulo<const ADD: bool>(self, other: Self, modulus: Self) -> Self {
        let sum = if ADD {
            self + other
        } else {
            self + (modulus - other)
        };
        sum.min(sum.wrapping_sub(modulus))
    }

    fn bits_at(self, shift: u32, mask: u64) -> usize {
        (self >> shift) as usize & mask as usize
    }

    /// The reciprocal is for narrow halves only.
    fn divide_by_reciprocal(&mut self, divisor: u64, _reciprocal: u64) -> usize {
        self.divide(divisor)
    }

    fn divide(&mut self, divisor: u64) -> usize {
        let remainder = *self % Self::from(divisor);
        *self /= Self::from(divisor);
        remainder as usize
    }

    fn push_digit(self, size: u64, digit: u8) -> Self {
        self * Self::from(size) + Self::from(digit)
    }
}

fn join([low, high]: [u64; 2]) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}
