//! Caller-defined entries, as `Customer.metadata` bounds them.

use crate::refusal::Violation;

/// Most entries of one map.
pub const MAX_ENTRIES: usize = 64;
/// Most bytes of a key.
pub const MAX_KEY_BYTES: usize = 64;
/// Most bytes of a value.
pub const MAX_VALUE_BYTES: usize = 1_024;

/// Notes what is wrong with the entries of one map.
pub fn check<'a>(
    field: &str,
    entries: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
    violations: &mut Vec<Violation>,
) {
    if entries.len() > MAX_ENTRIES {
        violations.push(Violation::new(
            field,
            format!("must have at most {MAX_ENTRIES} entries"),
        ));
        return;
    }
    for (key, value) in entries {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            let problem = format!("keys must have 1 to {MAX_KEY_BYTES} bytes");
            violations.push(Violation::new(field, problem));
        } else if value.len() > MAX_VALUE_BYTES {
            let problem = format!("must have at most {MAX_VALUE_BYTES} bytes");
            violations.push(Violation::new(format!("{field}[{key:?}]"), problem));
        }
    }
}
