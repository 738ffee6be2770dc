//! Binding of `promo-decision`: JSON documents in and out.

use promo_decision::{Currency, Zone, explain};
use pyo3::prelude::*;

/// Checks a campaign definition: `{"definition": <canonical>}` or
/// `{"violations": [{"field", "description"}]}`.
#[pyfunction]
pub fn check_definition(py: Python<'_>, document: &str) -> String {
    py.detach(|| explain::check_definition_json(document))
}

/// Decides about an order: `{"decision": {...}}` or `{"violations": [...]}`.
#[pyfunction]
pub fn decide_json(py: Python<'_>, order: &str, candidates: &str, facts: &str) -> String {
    py.detach(|| explain::decide_json(order, candidates, facts))
}

/// Every currency that a campaign can have: code, number and digits of the minor
/// unit, in order of code.
#[pyfunction]
pub fn currencies() -> Vec<(&'static str, u16, u8)> {
    Currency::all()
        .map(|currency| (currency.code(), currency.number(), currency.exponent()))
        .collect()
}

/// Whether a project can have this time zone.
#[pyfunction]
pub fn has_time_zone(name: &str) -> bool {
    Zone::named(name).is_ok()
}
