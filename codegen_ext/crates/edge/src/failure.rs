//! A call that ends without an answer, as gRPC tells it: in headers or trailers.

use base64::engine::GeneralPurposeConfig;
use base64::{Engine, alphabet, engine::DecodePaddingMode, engine::GeneralPurpose};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};
use promo_decision::{reason::Reason, refusal::Refusal, refusal::Violation};
use promo_engine::protocol::google::rpc::Status;
use prost::Message;

/// Status code of the call.
pub const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Number of `UNKNOWN`.
pub const UNKNOWN: i32 = 2;
/// Number of `UNIMPLEMENTED`.
pub const UNIMPLEMENTED: i32 = 12;
/// Number of `UNAVAILABLE`.
pub const UNAVAILABLE: i32 = 14;

/// What the protocol wants escaped in `grpc-message`.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// Peers pad the details or not; the protocol allows both.
const DETAILS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a call ends without an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure(Status);

impl Failure {
    /// A failure that the catalogue of reasons does not speak of: the protocol
    /// itself was broken.
    pub fn plain(code: i32, message: impl Into<String>) -> Self {
        Self(Status {
            code,
            message: message.into(),
            details: Vec::new(),
        })
    }

    /// A request that the protocol cannot make sense of.
    pub fn malformed(field: &str, problem: &str) -> Self {
        Refusal::invalid(vec![Violation::new(field, problem)]).into()
    }

    /// A failure without metadata.
    pub fn reason(reason: Reason) -> Self {
        Refusal::new(reason).into()
    }

    /// Number of the gRPC status.
    pub fn code(&self) -> i32 {
        self.0.code
    }

    /// The status with its details.
    pub fn status(&self) -> &Status {
        &self.0
    }

    /// The failure that headers or trailers tell of; none if they say that the
    /// call succeeded, or nothing.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let code = code(headers)?;
        if code == 0 {
            return None;
        }
        let details = headers
            .get(GRPC_DETAILS)
            .and_then(|value| DETAILS.decode(value.as_bytes()).ok())
            .and_then(|bytes| Status::decode(bytes.as_slice()).ok());
        let message = headers.get(GRPC_MESSAGE).map_or_else(String::new, |value| {
            percent_decode(value.as_bytes())
                .decode_utf8_lossy()
                .into_owned()
        });
        let details = details.map_or_else(Vec::new, |status| status.details);
        Some(Self(Status {
            code,
            message,
            details,
        }))
    }

    /// Adds what a client needs to see the failure.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(GRPC_STATUS, HeaderValue::from(self.0.code));
        let message = percent_encode(self.0.message.as_bytes(), ESCAPED).to_string();
        if let Ok(message) = HeaderValue::try_from(message) {
            headers.insert(GRPC_MESSAGE, message);
        }
        if !self.0.details.is_empty()
            && let Ok(details) = HeaderValue::try_from(DETAILS.encode(self.0.encode_to_vec()))
        {
            headers.insert(GRPC_DETAILS, details);
        }
        if self.0.code == UNIMPLEMENTED {
            headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
    }

    /// Trailers that end a call.
    pub fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(4);
        self.write(&mut trailers);
        trailers
    }
}

/// The refusal of a call for which there is no place: all that calls of its kind,
/// or of its caller, may take at a time are taken.
pub fn overloaded(limit: usize, retry_after_ms: u64) -> Refusal {
    let mut refusal = Refusal::new(Reason::Overloaded).with("limit", limit.to_string());
    refusal.retry_after_ms = Some(retry_after_ms);
    refusal
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(promo_engine::status::status(&refusal))
    }
}

/// Status code in headers or trailers, if they have one.
pub fn code(headers: &HeaderMap) -> Option<i32> {
    let value = headers.get(GRPC_STATUS)?;
    Some(
        value
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(UNKNOWN),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_trailers() {
        let refusal = Refusal::new(Reason::CodeNotFound).with("code", "50 % für dich\n");
        let failure = Failure::from(refusal);
        let trailers = failure.trailers();
        assert_eq!(
            trailers[GRPC_MESSAGE],
            "there is no code 50 %25 f%C3%BCr dich%0A"
        );
        assert_eq!(Failure::read(&trailers), Some(failure));
    }

    #[test]
    fn padded_details_are_read_too() {
        let failure = Failure::reason(Reason::Draining);
        let mut trailers = failure.trailers();
        let padded = base64::prelude::BASE64_STANDARD.encode(failure.status().encode_to_vec());
        trailers.insert(GRPC_DETAILS, padded.parse().unwrap());
        assert_eq!(Failure::read(&trailers), Some(failure));
    }

    #[test]
    fn success_and_silence_are_no_failures() {
        let mut trailers = HeaderMap::new();
        assert_eq!(Failure::read(&trailers), None);
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        assert_eq!(Failure::read(&trailers), None);
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("nonsense"));
        assert_eq!(
            Failure::read(&trailers).map(|failure| failure.code()),
            Some(UNKNOWN)
        );
    }
}
