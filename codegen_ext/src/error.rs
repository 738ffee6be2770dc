//! Every failure of the binding, and the one place where it becomes a Python
//! exception.

use promo_codes::CodesError;
use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    promo_server._native,
    LayoutInvalidError,
    PyValueError,
    "A code layout contradicts itself: args are the field and the problem."
);
create_exception!(
    promo_server._native,
    ResumeMismatchError,
    PyValueError,
    "The file to be resumed is not a beginning of this export."
);

/// What can go wrong between Python and the crates.
#[derive(Debug)]
pub enum NativeError {
    /// A layout, key, range or file was refused.
    Codes(CodesError),
    /// The JSON of a layout cannot be read.
    LayoutUnreadable(serde_json::Error),
    /// A call asks for more than fits into memory in one piece.
    TooManyAtOnce {
        /// What was asked for.
        count: u64,
        /// The most that one call gives.
        most: u64,
    },
    /// A Python callback raised, or a signal came.
    Python(PyErr),
}

impl From<CodesError> for NativeError {
    fn from(error: CodesError) -> Self {
        Self::Codes(error)
    }
}

impl From<PyErr> for NativeError {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<NativeError> for PyErr {
    fn from(error: NativeError) -> Self {
        match error {
            NativeError::Python(error) => error,
            // Keeps errno, so that Python picks FileNotFoundError and its kin.
            NativeError::Codes(CodesError::Io(error)) => match error.raw_os_error() {
                Some(_) => error.into(),
                None => PyOSError::new_err(error.to_string()),
            },
            NativeError::Codes(error @ CodesError::ResumeMismatch { .. }) => {
                ResumeMismatchError::new_err(error.to_string())
            }
            NativeError::Codes(error) if error.concerns_layout() => {
                LayoutInvalidError::new_err((error.field(), error.to_string()))
            }
            NativeError::Codes(error) => {
                PyValueError::new_err(format!("{}: {error}", error.field()))
            }
            NativeError::LayoutUnreadable(error) => {
                LayoutInvalidError::new_err(("code_layout", error.to_string()))
            }
            NativeError::TooManyAtOnce { count, most } => {
                PyValueError::new_err(format!("{count} codes at once, at most {most} are given"))
            }
        }
    }
}
