//! Shape checks that several calls share. Each finding names its field.

use std::collections::BTreeMap;

use promo_decision::refusal::{Refusal, Violation};

use crate::protocol::promo::v1 as pb;

const MOST_REDEEMABLES: usize = 30;
const LONGEST_CODE: usize = 128;
const MOST_METADATA: usize = 64;
const LONGEST_METADATA_KEY: usize = 64;
const LONGEST_METADATA_VALUE: usize = 1_024;

/// The end of the year 9999, UTC, in seconds since 1970.
const LATEST_SECOND: i64 = 253_402_300_799;

/// Collects what is wrong with a request.
#[derive(Default)]
pub struct Violations {
    list: Vec<Violation>,
}

impl Violations {
    /// Notes a finding.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.list.push(Violation::new(field, description));
    }

    /// Notes findings made elsewhere.
    pub fn extend(&mut self, found: Vec<Violation>) {
        self.list.extend(found);
    }

    /// Refuses the request if anything was found.
    pub fn check(self) -> Result<(), Refusal> {
        if self.list.is_empty() {
            Ok(())
        } else {
            Err(Refusal::invalid(self.list))
        }
    }

    /// A text that may be empty, up to a length in bytes.
    pub fn text(&mut self, field: &str, value: &str, longest: usize) {
        if value.len() > longest {
            self.add(
                field,
                format!("has {} bytes, at most {longest} are allowed", value.len()),
            );
        } else if value.chars().any(char::is_control) {
            self.add(field, "has a control character");
        }
    }

    /// A text that must be there.
    pub fn required(&mut self, field: &str, value: &str, longest: usize) {
        if value.is_empty() {
            self.add(field, "is required");
        } else {
            self.text(field, value, longest);
        }
    }

    /// The id of a request, which may be absent.
    pub fn request_id(&mut self, value: &str) {
        self.text("request_id", value, 128);
    }

    /// A time that may be absent.
    pub fn time(&mut self, field: &str, time: Option<&prost_types::Timestamp>) {
        let valid = time.is_none_or(|time| {
            (0..=LATEST_SECOND).contains(&time.seconds) && (0..1_000_000_000).contains(&time.nanos)
        });
        if !valid {
            self.add(field, "must be a time from 1970 to 9999");
        }
    }

    /// Entries that the caller defines.
    pub fn metadata(&mut self, field: &str, entries: &BTreeMap<String, String>) {
        if entries.len() > MOST_METADATA {
            let count = entries.len();
            self.add(
                field,
                format!("has {count} entries, at most {MOST_METADATA} are allowed"),
            );
            return;
        }
        for (key, value) in entries {
            self.required(&format!("{field} key"), key, LONGEST_METADATA_KEY);
            if value.len() > LONGEST_METADATA_VALUE {
                self.add(
                    format!("{field}[{key}]"),
                    format!("has more than {LONGEST_METADATA_VALUE} bytes"),
                );
            } else if value.contains('\0') {
                self.add(format!("{field}[{key}]"), "has a NUL character");
            }
        }
    }

    /// A customer; returns the id that limits are counted against.
    pub fn customer(&mut self, customer: Option<&pb::Customer>) -> Option<String> {
        let customer = customer?;
        self.required("customer.source_id", &customer.source_id, 256);
        self.text("customer.name", &customer.name, 256);
        self.text("customer.email", &customer.email, 256);
        self.text("customer.phone", &customer.phone, 64);
        self.metadata("customer.metadata", &customer.metadata);
        Some(customer.source_id.clone())
    }

    /// The codes of a request, in requested order.
    pub fn codes(&mut self, redeemables: &[pb::Redeemable]) -> Vec<String> {
        if redeemables.is_empty() || redeemables.len() > MOST_REDEEMABLES {
            let count = redeemables.len();
            self.add(
                "redeemables",
                format!("has {count} entries, 1 to {MOST_REDEEMABLES} are allowed"),
            );
            return Vec::new();
        }
        let mut codes: Vec<String> = Vec::with_capacity(redeemables.len());
        for (at, redeemable) in redeemables.iter().enumerate() {
            let Some(pb::redeemable::Kind::Code(code)) = &redeemable.kind else {
                self.add(format!("redeemables[{at}]"), "has no kind; set code");
                continue;
            };
            let code = code.trim();
            self.required(&format!("redeemables[{at}].code"), code, LONGEST_CODE);
            codes.push(code.to_owned());
        }
        codes
    }
}

/// An optional text as an option.
pub fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_cannot_keep_is_refused() {
        let fine = |value: &str| {
            let mut violations = Violations::default();
            let entries = BTreeMap::from([("note".to_owned(), value.to_owned())]);
            violations.metadata("metadata", &entries);
            violations.check().is_ok()
        };
        assert!(fine("two\nlines"));
        assert!(!fine("a\0b"));
    }
}
