//! Binding of `promo-codes`. Everything that spells or reads more than one code
//! does so without the GIL.

// Arguments come from Python by value.
#![allow(clippy::needless_pass_by_value)]

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use promo_codes::{Beginning, Export, Layout, LayoutKey, LayoutSpec, MasterKey, Ranges, wrap};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::json;

use crate::error::NativeError;

/// Most codes that one call returns: the answer is one piece of memory.
const MOST_AT_ONCE: u64 = 1 << 24;

/// Stands for "no code" among indices and positions.
const NONE: u64 = u64::MAX;

/// How often a long export tells how far it is, and sees signals.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// Codes of one layout under its key.
#[pyclass(frozen, module = "promo_server._native")]
pub struct Codec {
    codec: promo_codes::Codec,
}

#[pymethods]
impl Codec {
    #[new]
    fn new(specification: &str, wrapped_key: &[u8], master: &[u8]) -> Result<Self, NativeError> {
        let layout = Layout::compile(&read_spec(specification)?)?;
        let key = LayoutKey::unwrap(wrapped_key, &MasterKey::from_bytes(master)?)?;
        Ok(Self {
            codec: promo_codes::Codec::new(layout, &key),
        })
    }

    /// Indices are below it.
    #[getter]
    fn capacity(&self) -> u64 {
        self.codec.capacity()
    }

    /// Bytes of every code.
    #[getter]
    fn width(&self) -> usize {
        self.codec.layout().width()
    }

    /// Names what the layout spells.
    #[getter]
    fn fingerprint(&self) -> &str {
        self.codec.layout().fingerprint()
    }

    /// The code of an index, None where there is none.
    fn encode(&self, index: u64) -> Option<String> {
        self.codec.encode(index)
    }

    /// The index of a typed code.
    fn decode(&self, code: &str) -> Option<u64> {
        self.codec.decode(code.as_bytes())
    }

    /// The typed text in the layout's own spelling.
    fn normalise(&self, code: &str) -> Option<String> {
        self.codec.layout().normalise(code.as_bytes())
    }

    /// How many indices of a range the blocklist skips.
    fn count_blocked(&self, py: Python<'_>, start: u64, end: u64) -> Result<u64, NativeError> {
        Ok(py.detach(|| self.codec.count_blocked(start..end))?)
    }

    /// The end of the shortest range from `start` with `count` codes.
    fn end_of_range(&self, py: Python<'_>, start: u64, count: u64) -> Option<u64> {
        py.detach(|| self.codec.end_of_range(start, count))
    }

    /// The codes of an index range, each followed by the separator.
    fn encode_range<'py>(
        &self,
        py: Python<'py>,
        start: u64,
        end: u64,
        separator: &[u8],
    ) -> Result<Bound<'py, PyBytes>, NativeError> {
        check_count(end.saturating_sub(start))?;
        let text = py.detach(|| {
            let mut text = Vec::new();
            self.codec
                .encode_into(start..end, separator, &mut text)
                .map(|_| text)
        })?;
        Ok(PyBytes::new(py, &text))
    }

    /// The codes of `count` positions of a campaign, each followed by the separator.
    fn encode_positions<'py>(
        &self,
        py: Python<'py>,
        ranges: Vec<(u64, u64)>,
        first: u64,
        count: u64,
        separator: &[u8],
    ) -> Result<Bound<'py, PyBytes>, NativeError> {
        check_count(count)?;
        let text = py.detach(|| -> Result<Vec<u8>, NativeError> {
            let ranges = read_ranges(&ranges)?;
            let export = Export::new(&self.codec, &ranges, separator)?;
            let mut text = Vec::new();
            export.append(first..first.saturating_add(count), &mut text)?;
            Ok(text)
        })?;
        Ok(PyBytes::new(py, &text))
    }

    /// The index of the code on each line, 8 bytes in native order each; 2^64 - 1
    /// where there is no code.
    fn decode_lines<'py>(&self, py: Python<'py>, text: &[u8]) -> Bound<'py, PyBytes> {
        let indices = py.detach(|| {
            let mut indices = Vec::with_capacity(text.len());
            self.codec.decode_lines(text, |index| {
                indices.extend_from_slice(&index.unwrap_or(NONE).to_ne_bytes());
            });
            indices
        });
        PyBytes::new(py, &indices)
    }

    /// Like `decode_lines`, but the position in a campaign's ranges.
    fn locate_lines<'py>(
        &self,
        py: Python<'py>,
        text: &[u8],
        ranges: Vec<(u64, u64)>,
    ) -> Result<Bound<'py, PyBytes>, NativeError> {
        let positions = py.detach(|| {
            let ranges = read_ranges(&ranges)?;
            let mut positions = Vec::with_capacity(text.len());
            self.codec.decode_lines(text, |index| {
                let position = index
                    .and_then(|index| ranges.position_of(index))
                    .unwrap_or(NONE);
                positions.extend_from_slice(&position.to_ne_bytes());
            });
            Ok::<_, NativeError>(positions)
        })?;
        Ok(PyBytes::new(py, &positions))
    }

    /// The beginning of a code in the layout's own spelling.
    fn normalise_beginning(&self, text: &str) -> Option<String> {
        self.codec.layout().normalise_beginning(text.as_bytes())
    }

    /// The positions in a campaign's ranges of the codes that begin with a typed
    /// text, 8 bytes in native order each; else None, and how many symbols the
    /// text lacks for that: 0 when it has none and every code begins so.
    fn locate_beginning<'py>(
        &self,
        py: Python<'py>,
        text: &str,
        ranges: Vec<(u64, u64)>,
        most: u64,
    ) -> Result<(Option<Bound<'py, PyBytes>>, usize), NativeError> {
        let found = py.detach(|| {
            let ranges = read_ranges(&ranges)?;
            Ok::<_, NativeError>(self.codec.locate_beginning(text.as_bytes(), &ranges, most))
        })?;
        Ok(match found {
            Beginning::Every => (None, 0),
            Beginning::TooMany { missing } => (None, missing),
            Beginning::At(positions) => {
                let bytes: Vec<u8> = positions.iter().flat_map(|at| at.to_ne_bytes()).collect();
                (Some(PyBytes::new(py, &bytes)), 0)
            }
        })
    }

    /// Writes the codes of positions `first..end` of a campaign to a file and
    /// returns how many it wrote. `progress(codes, next position)` is told now
    /// and then, and once at the end; what it raises stops the export, which can
    /// then be resumed.
    #[pyo3(signature = (path, ranges, *, first, end, separator, resume, threads, progress))]
    #[allow(clippy::too_many_arguments)] // By keyword in Python.
    fn write_file(
        &self,
        py: Python<'_>,
        path: PathBuf,
        ranges: Vec<(u64, u64)>,
        first: u64,
        end: u64,
        separator: &[u8],
        resume: bool,
        threads: usize,
        progress: Py<PyAny>,
    ) -> Result<u64, NativeError> {
        let mut teller = Teller {
            progress,
            codes: 0,
            next_position: first,
            told: Instant::now(),
        };
        py.detach(|| {
            let ranges = read_ranges(&ranges)?;
            let export = Export::new(&self.codec, &ranges, separator)?;
            export.write_file(&path, first..end, resume, threads, |chunk| {
                teller.count(chunk.codes, chunk.next_position)
            })
        })?;
        teller.tell(py)?;
        Ok(teller.codes)
    }
}

/// Passes progress on to Python, but not so often that it costs time.
struct Teller {
    progress: Py<PyAny>,
    codes: u64,
    next_position: u64,
    told: Instant,
}

impl Teller {
    fn count(&mut self, codes: u64, next_position: u64) -> Result<(), NativeError> {
        self.codes += codes;
        self.next_position = next_position;
        if self.told.elapsed() < PROGRESS_EVERY {
            return Ok(());
        }
        self.told = Instant::now();
        Python::attach(|py| {
            py.check_signals()?;
            self.tell(py)
        })
    }

    fn tell(&self, py: Python<'_>) -> Result<(), NativeError> {
        self.progress.call1(py, (self.codes, self.next_position))?;
        Ok(())
    }
}

/// Makes a layout key; only its wrapped form leaves the crate.
#[pyfunction]
pub fn new_wrapped_key<'py>(
    py: Python<'py>,
    master: &[u8],
) -> Result<Bound<'py, PyBytes>, NativeError> {
    let key = LayoutKey::random()?;
    Ok(PyBytes::new(py, &key.wrap(&MasterKey::from_bytes(master)?)))
}

/// Wraps a layout key for another master.
#[pyfunction]
pub fn rewrap_key<'py>(
    py: Python<'py>,
    wrapped_key: &[u8],
    old_master: &[u8],
    new_master: &[u8],
) -> Result<Bound<'py, PyBytes>, NativeError> {
    let old = MasterKey::from_bytes(old_master)?;
    let new = MasterKey::from_bytes(new_master)?;
    Ok(PyBytes::new(py, &wrap::rewrap(wrapped_key, &old, &new)?))
}

/// Checks a layout for `count` codes and tells what it would be: a JSON object.
/// A layout without length and pattern gets a length that holds the codes.
#[pyfunction]
pub fn check_layout(
    specification: &str,
    count: u64,
    max_density: f64,
) -> Result<String, NativeError> {
    let spec = read_spec(specification)?.sized_for(count, max_density);
    let layout = Layout::compile(&spec)?;
    let capacity = layout.capacity(count, max_density);
    Ok(json!({
        "specification": spec_text(layout.spec())?,
        "length": spec.length,
        "symbols": layout.symbols(),
        "width": layout.width(),
        // As text: JSON readers may round numbers above 2^53.
        "domain": layout.domain().to_string(),
        "fingerprint": layout.fingerprint(),
        "mode": if capacity.problem.is_none() { "arithmetic" } else { "stored" },
        "problem": layout.problem(&capacity, count, max_density),
        "suggestion": layout.suggestion(&capacity),
    })
    .to_string())
}

/// Whether some text could be a code of both layouts.
#[pyfunction]
pub fn layouts_overlap(first: &str, second: &str) -> Result<bool, NativeError> {
    let first = Layout::compile(&read_spec(first)?)?;
    Ok(first.overlaps(&Layout::compile(&read_spec(second)?)?))
}

fn read_spec(specification: &str) -> Result<LayoutSpec, NativeError> {
    serde_json::from_str(specification).map_err(NativeError::LayoutUnreadable)
}

fn spec_text(spec: &LayoutSpec) -> Result<String, NativeError> {
    serde_json::to_string(spec).map_err(NativeError::LayoutUnreadable)
}

fn read_ranges(ranges: &[(u64, u64)]) -> Result<Ranges, NativeError> {
    let ranges: Vec<Range<u64>> = ranges.iter().map(|&(start, end)| start..end).collect();
    Ok(Ranges::new(&ranges)?)
}

fn check_count(count: u64) -> Result<(), NativeError> {
    if count > MOST_AT_ONCE {
        return Err(NativeError::TooManyAtOnce {
            count,
            most: MOST_AT_ONCE,
        });
    }
    Ok(())
}
