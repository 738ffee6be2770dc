//! Refusals are values: one request may carry five codes of which three work.

use crate::reason::Reason;

/// A field of a request or definition that is missing or out of range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path in the protocol's field names, such as `order.items[3].quantity`.
    pub field: String,
    /// What is wrong with it, for a developer.
    pub description: String,
}

impl Violation {
    /// A violation of one field.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            description: description.into(),
        }
    }
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The catalogued reason.
    pub reason: Reason,
    /// What the message speaks of; has every key of the reason's catalogue entry.
    pub metadata: Vec<(&'static str, String)>,
    /// Every field at fault, when the request itself is.
    pub violations: Vec<Violation>,
    /// When the caller may try again, milliseconds from now.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A refusal without metadata yet.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            metadata: Vec::new(),
            violations: Vec::new(),
            retry_after_ms: None,
        }
    }

    /// The same refusal with one more metadata value.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((key, value.into()));
        self
    }

    /// A refusal of a malformed request. The message speaks of the first
    /// violation; an empty list is answered as if the whole request were at fault.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let (field, problem) = violations
            .first()
            .map_or(("request", "is malformed"), |first| {
                (&*first.field, &*first.description)
            });
        let refusal = Self::new(Reason::FieldInvalid)
            .with("field", field)
            .with("problem", problem);
        Self {
            violations,
            ..refusal
        }
    }

    /// The reason's message with the metadata filled in. A placeholder without
    /// metadata stays as it is, which a test of the catalogue would show.
    pub fn message(&self) -> String {
        let mut text = String::with_capacity(96);
        let mut rest = self.reason.detail().message;
        while let Some(open) = rest.find('{') {
            let (before, from_brace) = rest.split_at(open);
            text.push_str(before);
            let Some(close) = from_brace.find('}') else {
                rest = from_brace;
                break;
            };
            let key = &from_brace[1..close];
            match self.metadata.iter().find(|(name, _)| *name == key) {
                Some((_, value)) => text.push_str(value),
                None => text.push_str(&from_brace[..=close]),
            }
            rest = &from_brace[close + 1..];
        }
        text.push_str(rest);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_fills_in_metadata() {
        let refusal = Refusal::new(Reason::CodeUsesExhausted)
            .with("code", "A{limit}")
            .with("limit", "3");
        assert_eq!(
            refusal.message(),
            "code A{limit} is used up: its limit is 3"
        );
    }

    #[test]
    fn message_keeps_a_placeholder_that_has_no_value() {
        let refusal = Refusal::new(Reason::CodeNotFound);
        assert_eq!(refusal.message(), "there is no code {code}");
    }

    #[test]
    fn an_invalid_request_speaks_of_its_first_violation() {
        let refusal = Refusal::invalid(vec![
            Violation::new("a", "is bad"),
            Violation::new("b", "too"),
        ]);
        assert_eq!(refusal.message(), "a: is bad");
        assert_eq!(refusal.violations.len(), 2);
    }
}
