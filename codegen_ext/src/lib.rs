//! Python binding of the data plane: converts, releases the GIL, nothing else.

use pyo3::prelude::*;

/// The compiled half of `promo_server`.
#[pymodule(gil_used = false)]
mod _native {}
