//! When a code may be used.

use jiff::Timestamp;

use crate::bundle::{self, Validity};
use crate::calendar::{Calendar, Local};
use crate::decide::Candidate;
use crate::reason::Reason;
use crate::refusal::Refusal;

/// Days of the week as bits; bit 1 is Monday.
#[derive(Clone, Copy, Debug)]
struct Days(u8);

impl Days {
    /// An empty list means every day.
    fn compile(days: &[i64]) -> Self {
        if days.is_empty() {
            return Self(u8::MAX);
        }
        Self(days.iter().fold(0, |bits, day| {
            bits | 1u8.checked_shl(shift(*day)).unwrap_or(0)
        }))
    }

    fn contain(self, weekday: u8) -> bool {
        self.0 >> weekday & 1 == 1
    }
}

fn shift(day: i64) -> u32 {
    u32::try_from(day).unwrap_or(u32::MAX)
}

/// Half-open minutes of the day.
#[derive(Debug)]
struct Hours {
    start: i64,
    end: i64,
    days: Days,
}

impl Hours {
    fn compile(hours: &bundle::Hours) -> Self {
        let days = Days::compile(&hours.days_of_week);
        Self {
            start: hours.start_minute,
            end: hours.end_minute,
            days,
        }
    }

    fn contain(&self, local: Local) -> bool {
        self.days.contain(local.weekday) && (self.start..self.end).contains(&local.minute.into())
    }
}

/// Compiled validity. Parts that are not set are absent, and cost nothing.
#[derive(Debug)]
pub(crate) struct Window {
    start_ms: Option<i64>,
    expire_ms: Option<i64>,
    /// Interval and duration; counts from the start.
    timeframe: Option<(i64, i64)>,
    days: Option<Days>,
    hours: Box<[Hours]>,
    pub(crate) activity_ms: Option<i64>,
}

impl Window {
    pub(crate) fn compile(validity: &Validity) -> Self {
        let activity = validity.activity_after_publishing_ms;
        let days = &validity.days_of_week;
        Self {
            start_ms: validity.start_ms,
            expire_ms: validity.expire_ms,
            timeframe: validity
                .timeframe
                .as_ref()
                .map(|one| (one.interval_ms, one.duration_ms)),
            days: (!days.is_empty()).then(|| Days::compile(days)),
            hours: validity.hours.iter().map(Hours::compile).collect(),
            activity_ms: (activity != 0).then_some(activity),
        }
    }

    /// Refuses a time outside of the window.
    pub(crate) fn check(
        &self,
        candidate: &Candidate<'_>,
        now_ms: i64,
        calendar: &mut Calendar<'_>,
    ) -> Result<(), Refusal> {
        let own = candidate.voucher;
        let start = own.and_then(|own| own.start_ms).or(self.start_ms);
        if let Some(start) = start.filter(|start| now_ms < *start) {
            return Err(
                Refusal::new(Reason::PromotionNotStarted).with("start_time", instant(start))
            );
        }
        let own_end = own.and_then(|own| own.expire_ms);
        let expire = own_end.or(self.expire_ms);
        if let Some(expire) = expire.filter(|expire| now_ms >= *expire) {
            return Err(expired(expire));
        }
        if self.activity_ms.is_some() {
            let Some(published) = candidate.published_ms else {
                return Err(Refusal::new(Reason::CodeNotPublished).with("code", candidate.code));
            };
            let end = own_end.or(self.expire_ms_of(Some(published)));
            if let Some(end) = end.filter(|end| now_ms >= *end) {
                return Err(expired(end));
            }
        }
        if let (Some((interval, duration)), Some(start)) = (self.timeframe, self.start_ms)
            && now_ms.saturating_sub(start).rem_euclid(interval) >= duration
        {
            return Err(not_now("timeframe"));
        }
        if let Some(days) = self.days
            && !days.contain(calendar.local().weekday)
        {
            return Err(not_now("days_of_week"));
        }
        if !self.hours.is_empty() {
            let local = calendar.local();
            if !self.hours.iter().any(|hours| hours.contain(local)) {
                return Err(not_now("hours"));
            }
        }
        Ok(())
    }

    /// The earlier of the expiry date and of the end of activity.
    pub(crate) fn expire_ms_of(&self, published_ms: Option<i64>) -> Option<i64> {
        let activity = published_ms
            .zip(self.activity_ms)
            .map(|(published, activity)| published.saturating_add(activity));
        match (self.expire_ms, activity) {
            (Some(expire), Some(activity)) => Some(expire.min(activity)),
            (expire, activity) => expire.or(activity),
        }
    }
}

fn expired(end_ms: i64) -> Refusal {
    Refusal::new(Reason::PromotionExpired).with("expire_time", instant(end_ms))
}

fn not_now(part: &str) -> Refusal {
    Refusal::new(Reason::PromotionNotActiveNow).with("part", part)
}

/// RFC 3339 in UTC, brought into the years that it can write.
pub fn instant(time_ms: i64) -> String {
    let time = Timestamp::from_millisecond(time_ms);
    let limit = if time_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    time.unwrap_or(limit).to_string()
}
