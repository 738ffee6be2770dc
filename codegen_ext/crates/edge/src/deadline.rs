//! `grpc-timeout`: how long the client waits.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header::HeaderName};

use crate::failure::Failure;

/// Name of the header.
pub const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The time that the client waits, if it says.
pub fn read(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(parse);
    parsed.map(Some).ok_or_else(|| {
        Failure::malformed(
            "grpc-timeout",
            "must be up to 8 digits and one of H M S m u n",
        )
    })
}

/// The header for a call that may take so long. Rounded up to a millisecond: a
/// backend that stops a moment late does no harm, one that stops early does.
pub fn value(timeout: Duration) -> HeaderValue {
    const LONGEST: u128 = 99_999_999;
    let milliseconds = timeout.as_nanos().div_ceil(1_000_000);
    let text = if milliseconds <= LONGEST {
        format!("{milliseconds}m")
    } else {
        format!("{}S", (milliseconds / 1_000).min(LONGEST))
    };
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("1S"))
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text| parse(text).map(|duration| duration.as_nanos());
        assert_eq!(read("2H"), Some(7_200_000_000_000));
        assert_eq!(read("2M"), Some(120_000_000_000));
        assert_eq!(read("2S"), Some(2_000_000_000));
        assert_eq!(read("2m"), Some(2_000_000));
        assert_eq!(read("2u"), Some(2_000));
        assert_eq!(read("99999999n"), Some(99_999_999));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "m",
            "5",
            "5 S",
            "-5S",
            "+5S",
            "100000000S",
            "5s",
            "5é",
            "١S",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_rest_of_the_time_is_written_in_at_most_eight_digits() {
        assert_eq!(value(Duration::from_micros(1_500)), "2m");
        assert_eq!(value(Duration::from_millis(99_999_999)), "99999999m");
        assert_eq!(value(Duration::from_secs(3_600 * 48)), "172800S");
        assert_eq!(value(Duration::from_secs(u64::MAX)), "99999999S");
    }
}
