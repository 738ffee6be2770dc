//! Turns refusals into `google.rpc.Status`, the one form in which errors leave
//! the data plane: as a failed call and inside batch results.

use promo_decision::{
    reason::Reason,
    refusal::{Refusal, Violation},
};
use prost::{Message, Name};
use prost_types::Any;

use crate::protocol::google::rpc::{
    BadRequest, ErrorInfo, RetryInfo, Status, bad_request::FieldViolation,
};

/// `ErrorInfo.domain` of every refusal.
const DOMAIN: &str = "promo";

/// Longest text that is given back of what a caller sent, in bytes.
const LONGEST_VALUE: usize = 256;

/// Longest list of what became of each code of a stack: 30 reasons fit.
const LONGEST_LIST: usize = 1_024;

/// Most fields that one answer names, and the longest text about one, in bytes.
const MOST_VIOLATIONS: usize = 16;
const LONGEST_VIOLATION: usize = 96;

/// The status of a call, or of one item of a batch, that was refused. It travels
/// in trailers, of which clients accept a few KiB: texts that came with the
/// request are cut, and of many violations the first are told.
pub fn status(refusal: &Refusal) -> Status {
    let refusal = &shown(refusal);
    let detail = refusal.reason.detail();
    let metadata = refusal.metadata.iter();
    let mut details = vec![pack(&ErrorInfo {
        reason: detail.name.to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: metadata
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect(),
    })];
    if !refusal.violations.is_empty() {
        let violation = |violation: &Violation| FieldViolation {
            field: violation.field.clone(),
            description: violation.description.clone(),
            ..FieldViolation::default()
        };
        details.push(pack(&BadRequest {
            field_violations: refusal.violations.iter().map(violation).collect(),
        }));
    }
    if let Some(delay_ms) = refusal.retry_after_ms {
        details.push(pack(&RetryInfo {
            retry_delay: Some(duration(delay_ms)),
        }));
    }
    Status {
        code: detail.grpc_code,
        message: refusal.message(),
        details,
    }
}

/// The refusal that a status tells of; none when it names no reason of the
/// catalogue.
pub fn refusal(status: &Status) -> Option<Refusal> {
    let info: ErrorInfo = unpack(status)?;
    let named = |reason: &&Reason| reason.detail().name == info.reason;
    let reason = Reason::ALL.iter().find(named).copied()?;
    let violations = unpack::<BadRequest>(status).unwrap_or_default();
    let delay = unpack::<RetryInfo>(status).and_then(|retry| retry.retry_delay);
    let keys = reason.detail().metadata_keys.iter();
    Some(Refusal {
        reason,
        metadata: keys
            .filter_map(|key| Some((*key, info.metadata.get(*key)?.clone())))
            .collect(),
        violations: violations
            .field_violations
            .into_iter()
            .map(|one| Violation::new(one.field, one.description))
            .collect(),
        retry_after_ms: delay.and_then(milliseconds),
    })
}

fn unpack<M: Message + Name + Default>(status: &Status) -> Option<M> {
    let url = format!("type.googleapis.com/{}", M::full_name());
    let any = status.details.iter().find(|any| any.type_url == url)?;
    M::decode(any.value.as_slice()).ok()
}

fn milliseconds(duration: prost_types::Duration) -> Option<u64> {
    let seconds = u64::try_from(duration.seconds).ok()?;
    let nanos = u64::try_from(duration.nanos).ok()?;
    Some(seconds.checked_mul(1_000)? + nanos / 1_000_000)
}

fn shown(refusal: &Refusal) -> Refusal {
    let metadata = refusal.metadata.iter();
    let violations = refusal.violations.iter().take(MOST_VIOLATIONS);
    let mut violations: Vec<Violation> = violations
        .map(|one| {
            let text = |text| cut(text, LONGEST_VIOLATION);
            Violation::new(text(&one.field), text(&one.description))
        })
        .collect();
    if let more @ 1.. = refusal.violations.len() - violations.len() {
        violations.push(Violation::new(
            "request",
            format!("has {more} more problems"),
        ));
    }
    Refusal {
        reason: refusal.reason,
        metadata: metadata
            .map(|(key, value)| {
                let is_list = *key == "redeemables";
                let longest = if is_list { LONGEST_LIST } else { LONGEST_VALUE };
                (*key, cut(value, longest))
            })
            .collect(),
        violations,
        retry_after_ms: refusal.retry_after_ms,
    }
}

fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let mut end = longest;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

fn pack<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}

fn duration(milliseconds: u64) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(milliseconds / 1_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(milliseconds % 1_000 * 1_000_000).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(refusal: &Refusal) -> Vec<String> {
        status(refusal)
            .details
            .into_iter()
            .map(|any| any.type_url)
            .collect()
    }

    #[test]
    fn every_refusal_names_its_reason_and_what_it_speaks_of() {
        let refusal = Refusal::new(Reason::CodeNotFound).with("code", "A");
        let status = status(&refusal);
        assert_eq!(
            (status.code, status.message.as_str()),
            (5, "there is no code A")
        );
        let info = ErrorInfo::decode(status.details[0].value.as_slice()).unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("CODE_NOT_FOUND", "promo")
        );
        assert_eq!(info.metadata["code"], "A");
        assert_eq!(status.details.len(), 1);
    }

    #[test]
    fn a_malformed_request_lists_every_violation() {
        let refusal = Refusal::invalid(vec![
            Violation::new("a", "is bad"),
            Violation::new("b", "too"),
        ]);
        assert_eq!(
            details(&refusal)[1],
            "type.googleapis.com/google.rpc.BadRequest"
        );
        let status = status(&refusal);
        let request = BadRequest::decode(status.details[1].value.as_slice()).unwrap();
        assert_eq!(request.field_violations[1].field, "b");
    }

    #[test]
    fn a_refusal_is_read_back_from_its_status() {
        let mut late = Refusal::new(Reason::RateLimited).with("limit", "5");
        late.retry_after_ms = Some(1_250);
        let invalid = Refusal::invalid(vec![Violation::new("a", "is bad")]);
        let unknown = Refusal::new(Reason::CodeNotFound).with("code", "A");
        for told in [late, invalid, unknown] {
            assert_eq!(refusal(&status(&told)), Some(told));
        }
        let nameless = Status {
            code: 14,
            ..Status::default()
        };
        assert_eq!(refusal(&nameless), None);
    }

    #[test]
    fn what_a_caller_sent_does_not_swell_the_trailers() {
        let long = "é".repeat(100_000);
        let violations = (0..10_000).map(|_| Violation::new(long.clone(), long.clone()));
        let invalid = Refusal::invalid(violations.collect());
        let unknown = Refusal::new(Reason::RedemptionNotFound).with("redemption", long.clone());
        for refusal in [invalid, unknown] {
            assert!(status(&refusal).encoded_len() < 6_000);
        }
    }

    #[test]
    fn a_delay_becomes_retry_info() {
        let mut refusal = Refusal::new(Reason::RateLimited).with("limit", "5");
        refusal.retry_after_ms = Some(1_250);
        let retry = RetryInfo::decode(status(&refusal).details[1].value.as_slice()).unwrap();
        let delay = retry.retry_delay.unwrap();
        assert_eq!((delay.seconds, delay.nanos), (1, 250_000_000));
    }
}
