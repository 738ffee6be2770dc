//! Promotion codes as arithmetic.
//!
//! A bulk campaign stores no codes: a code is the keyed permutation of a
//! counter, spelled in the layout's alphabet. Codes are unique by construction,
//! cannot be guessed without the key, and any one can be made on demand or
//! turned back into its index. See [`Layout`] for how codes look, [`Codec`] for
//! making and reading them, [`Export`] for many of them, [`wrap`] for keys.

#![forbid(unsafe_code)]
// Values of alphabets up to 64 symbols, halves known to fit and estimates: the
// casts that narrow are stated where the bound comes from.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap
)]

mod beginning;
mod blocklist;
mod capacity;
mod charset;
mod check;
mod codec;
mod error;
mod export;
mod file;
mod half;
mod layout;
mod overlap;
mod permutation;
mod ranges;
mod spec;
mod spelling;
pub mod wrap;

pub use beginning::Beginning;
pub use capacity::{Capacity, CapacityProblem, DOMAIN_MIN, shortest_length_for};
pub use codec::Codec;
pub use error::CodesError;
pub use export::{Chunk, Export};
pub use layout::Layout;
pub use ranges::Ranges;
pub use spec::{CHARSET_DEFAULT, LENGTH_DEFAULT, LENGTH_MAX, LENGTH_MIN, LayoutSpec};
pub use wrap::{LayoutKey, MasterKey};
