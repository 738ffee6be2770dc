//! The keyed permutation: index <-> code value, both in `0..left * right`.
//!
//! A mixed-radix Feistel network. An index is split into `left * modulus_right + right`;
//! even rounds add a keyed function of the right half to the left one, modulo
//! its own size, odd rounds the other way round. Both halves are whole symbols,
//! so no value ever falls outside the code space and none has to be walked away.
//!
//! The keyed function is AES-128 of the block `half + round * 2^120`
//! (little-endian), scaled from 0..2^128 to the half's modulus by a
//! multiplication. Its bias is below 2^-32 for the largest half (64^16).

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};

use crate::half::Half;
use crate::wrap::LayoutKey;

/// Codes that go through the rounds together. AES instructions take several
/// cycles but start every cycle or two, so one code at a time would wait.
pub(crate) const LANES: usize = 128;

/// Below this many codes the halves are small and need more rounds.
const SMALL_DOMAIN: u128 = 1 << 40;
const ROUNDS: u8 = 10;
const ROUNDS_SMALL_DOMAIN: u8 = 16;
/// Within the high word of a block.
const ROUND_SHIFT: u32 = 56;

/// The permutation of one layout under its key. `H` is `u64` where both halves
/// fit into 62 bits and `u128` above.
pub(crate) struct Permutation<H> {
    cipher: Aes128,
    left: Modulus<H>,
    right: Modulus<H>,
    rounds: u8,
}

/// The halves of [`LANES`] values.
#[derive(Clone)]
pub(crate) struct Lanes<H> {
    pub(crate) left: [H; LANES],
    pub(crate) right: [H; LANES],
}

impl<H: Half> Lanes<H> {
    pub(crate) fn zero() -> Self {
        Self {
            left: [H::ZERO; LANES],
            right: [H::ZERO; LANES],
        }
    }
}

#[derive(Clone, Copy)]
struct Modulus<H> {
    value: H,
    /// The exponent, where the modulus is a power of two: scaling is then a shift.
    bits: Option<u32>,
}

impl<H: Half> Modulus<H> {
    fn new(value: H) -> Self {
        Self {
            value,
            bits: value.power_of_two(),
        }
    }
}

impl<H: Half> Permutation<H> {
    /// A permutation of `left * right` values.
    pub(crate) fn new(key: &LayoutKey, left: H, right: H) -> Self {
        let domain = left.wide().saturating_mul(right.wide());
        Self {
            cipher: Aes128::new(key.bytes().into()),
            left: Modulus::new(left),
            right: Modulus::new(right),
            rounds: if domain < SMALL_DOMAIN {
                ROUNDS_SMALL_DOMAIN
            } else {
                ROUNDS
            },
        }
    }

    /// Turns the first `count` lanes from indices into code values. The others
    /// are left undefined.
    pub(crate) fn forward(&self, lanes: &mut Lanes<H>, count: usize) {
        let mut blocks = [[0; 2]; LANES];
        for round in 0..self.rounds {
            self.apply::<true>(round, lanes, &mut blocks, count);
        }
    }

    /// Turns the first `count` lanes from code values into indices.
    pub(crate) fn backward(&self, lanes: &mut Lanes<H>, count: usize) {
        let mut blocks = [[0; 2]; LANES];
        for round in (0..self.rounds).rev() {
            self.apply::<false>(round, lanes, &mut blocks, count);
        }
    }

    fn apply<const ADD: bool>(
        &self,
        round: u8,
        lanes: &mut Lanes<H>,
        blocks: &mut [[u64; 2]; LANES],
        count: usize,
    ) {
        let (target, source, modulus) = if round.is_multiple_of(2) {
            (&mut lanes.left, &lanes.right, self.left)
        } else {
            (&mut lanes.right, &lanes.left, self.right)
        };
        let blocks = &mut blocks[..count];
        let label = u64::from(round) << ROUND_SHIFT;
        for (block, half) in blocks.iter_mut().zip(source) {
            let [low, high] = half.words();
            *block = [low.to_le(), (high | label).to_le()];
        }
        let bytes: &mut [[u8; 16]] = bytemuck::cast_slice_mut(blocks);
        self.cipher
            .encrypt_blocks(Block::cast_slice_from_core_mut(bytes));
        let words = |block: &[u64; 2]| block.map(u64::from_le);
        let size = modulus.value;
        if let Some(bits) = modulus.bits {
            for (half, block) in target.iter_mut().zip(blocks) {
                *half = half.combine_masked::<ADD>(H::top_bits(words(block), bits), size);
            }
        } else {
            for (half, block) in target.iter_mut().zip(blocks) {
                *half = half.combine_modulo::<ADD>(H::scale(words(block), size), size);
            }
        }
    }
}
