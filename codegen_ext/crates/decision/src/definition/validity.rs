//! What the validity of a campaign may say.

use super::Findings;
use crate::bundle::{Hours, Validity};

/// The last millisecond of the year 9999.
const LAST_MS: i64 = 253_402_300_799_999;
/// Longest protobuf duration, about 10,000 years.
const MAX_DURATION_MS: i64 = 315_576_000_000_000;
/// Most windows of hours: each minute of a week could not need more.
const MAX_HOURS: usize = 168;

pub(super) fn check(validity: &Validity, found: &mut Findings) {
    for (field, time) in [
        ("validity.start_time", validity.start_ms),
        ("validity.expire_time", validity.expire_ms),
    ] {
        if time.is_some_and(|time| !(0..=LAST_MS).contains(&time)) {
            found.add(field, "must be in the years 1970 to 9999");
        }
    }
    if let (Some(start), Some(expire)) = (validity.start_ms, validity.expire_ms)
        && expire <= start
    {
        found.add("validity.expire_time", "must be after start_time");
    }
    if let Some(timeframe) = &validity.timeframe {
        if validity.start_ms.is_none() {
            found.add("validity.start_time", "is required by timeframe");
        }
        let interval = timeframe.interval_ms;
        if !(1_000..=MAX_DURATION_MS).contains(&interval) {
            found.add("validity.timeframe.interval", "must be at least one second");
        }
        if timeframe.duration_ms < 1 || timeframe.duration_ms > interval {
            found.add(
                "validity.timeframe.duration",
                "must be positive and at most interval",
            );
        }
    }
    check_days("validity.days_of_week", &validity.days_of_week, found);
    if validity.hours.len() > MAX_HOURS {
        found.add(
            "validity.hours",
            format!("must be at most {MAX_HOURS} windows"),
        );
    } else {
        for (index, hours) in validity.hours.iter().enumerate() {
            check_hours(&format!("validity.hours[{index}]"), hours, found);
        }
    }
    if !(0..=MAX_DURATION_MS).contains(&validity.activity_after_publishing_ms) {
        found.add("validity.activity_after_publishing", "must be positive");
    }
}

fn check_hours(field: &str, hours: &Hours, found: &mut Findings) {
    found.range(
        &format!("{field}.start_minute"),
        hours.start_minute,
        0,
        1_439,
    );
    found.range(&format!("{field}.end_minute"), hours.end_minute, 1, 1_440);
    if hours.end_minute <= hours.start_minute {
        found.add(
            format!("{field}.end_minute"),
            "must be after start_minute; a window over midnight is written as two",
        );
    }
    check_days(&format!("{field}.days_of_week"), &hours.days_of_week, found);
}

fn check_days(field: &str, days: &[i64], found: &mut Findings) {
    for (index, day) in days.iter().enumerate() {
        if !(1..=7).contains(day) {
            found.add(
                format!("{field}[{index}]"),
                "must be a day, MONDAY to SUNDAY",
            );
        }
    }
}
