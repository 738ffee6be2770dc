//! Days, weeks and months of a project's time zone.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::definition::DefinitionError;
use crate::limits::LimitKind;

/// A time zone of the IANA database that is compiled in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// Universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The zone with this IANA name, such as `Europe/London`.
    pub fn named(name: &str) -> Result<Self, DefinitionError> {
        if name == "UTC" {
            return Ok(Self::UTC);
        }
        // The bundled database and not the machine's: two engines must agree on
        // where a day ends.
        jiff::tz::TimeZoneDatabase::bundled()
            .get(name)
            .map(Self)
            .map_err(|_| DefinitionError::UnknownZone(name.to_owned()))
    }
}

/// Name of a calendar period: `d20261122`, `w2026W47` or `m202611`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeriodName {
    bytes: [u8; 9],
    length: u8,
}

impl PeriodName {
    /// The name; ASCII letters and digits only, fit for a store key.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    fn day(date: Date) -> Self {
        Self::build(b'd')
            .digits(date.year(), 4)
            .digits(i16::from(date.month()), 2)
            .digits(i16::from(date.day()), 2)
    }

    fn week(date: Date) -> Self {
        let week = date.iso_week_date();
        let mut name = Self::build(b'w').digits(week.year(), 4);
        name.bytes[5] = b'W';
        name.length = 6;
        name.digits(i16::from(week.week()), 2)
    }

    fn month(date: Date) -> Self {
        Self::build(b'm')
            .digits(date.year(), 4)
            .digits(i16::from(date.month()), 2)
    }

    fn build(letter: u8) -> Self {
        let mut bytes = [0; 9];
        bytes[0] = letter;
        Self { bytes, length: 1 }
    }

    fn digits(mut self, number: i16, count: u8) -> Self {
        let mut rest = number.unsigned_abs();
        let start = usize::from(self.length);
        let end = start + usize::from(count);
        for byte in self.bytes[start..end].iter_mut().rev() {
            // A remainder of 10 always fits.
            *byte = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.length += count;
        self
    }
}

impl fmt::Debug for PeriodName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A calendar day, ISO week or month in the project's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its name.
    pub name: PeriodName,
    /// First instant after which the period cannot come back, Unix milliseconds:
    /// where clocks are set back over midnight, that is the second midnight.
    pub end_ms: i64,
}

/// Local time at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    date: Date,
    /// 0 to 1439.
    pub(crate) minute: u16,
    /// Monday is 1.
    pub(crate) weekday: u8,
}

/// An instant with its local time, which is worked out when first asked for:
/// most campaigns need none.
pub(crate) struct Calendar<'a> {
    zone: &'a Zone,
    instant: Timestamp,
    local: Option<Local>,
    day: Option<Period>,
    week: Option<Period>,
    month: Option<Period>,
}

impl<'a> Calendar<'a> {
    /// The calendar at `now_ms`, brought into the years 1970 to 9999.
    pub(crate) fn new(zone: &'a Zone, now_ms: i64) -> Self {
        let instant = Timestamp::from_millisecond(now_ms.max(0)).unwrap_or(Timestamp::MAX);
        Self {
            zone,
            instant,
            local: None,
            day: None,
            week: None,
            month: None,
        }
    }

    pub(crate) fn local(&mut self) -> Local {
        if let Some(local) = self.local {
            return local;
        }
        let time = self
            .zone
            .0
            .to_offset(self.instant)
            .to_datetime(self.instant);
        let minute =
            u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        let weekday = time.weekday().to_monday_one_offset().unsigned_abs();
        let local = Local {
            date: time.date(),
            minute,
            weekday,
        };
        self.local = Some(local);
        local
    }

    /// The period that a limit of this kind counts in; none when it has none.
    pub(crate) fn period(&mut self, kind: LimitKind) -> Option<Period> {
        match kind {
            LimitKind::PerDay => Some(self.day()),
            LimitKind::PerWeek => Some(self.week()),
            LimitKind::PerMonth => Some(self.month()),
            LimitKind::PerCode
            | LimitKind::PerCustomerPerCode
            | LimitKind::PerCustomer
            | LimitKind::PerCampaign
            | LimitKind::DiscountBudget
            | LimitKind::OrderValueBudget => None,
        }
    }

    fn day(&mut self) -> Period {
        if let Some(known) = self.day {
            return known;
        }
        let date = self.local().date;
        let period = Period {
            name: PeriodName::day(date),
            end_ms: self.end(date.tomorrow().ok()),
        };
        *self.day.insert(period)
    }

    fn week(&mut self) -> Period {
        if let Some(known) = self.week {
            return known;
        }
        let Local { date, weekday, .. } = self.local();
        let to_monday = jiff::Span::new().days(8 - i64::from(weekday));
        let next = date.checked_add(to_monday).ok();
        let period = Period {
            name: PeriodName::week(date),
            end_ms: self.end(next),
        };
        *self.week.insert(period)
    }

    fn month(&mut self) -> Period {
        if let Some(known) = self.month {
            return known;
        }
        let date = self.local().date;
        let next = date.last_of_month().tomorrow().ok();
        let period = Period {
            name: PeriodName::month(date),
            end_ms: self.end(next),
        };
        *self.month.insert(period)
    }

    /// When `date` begins; the end of time when the calendar ends before.
    fn end(&self, date: Option<Date>) -> i64 {
        date.and_then(|date| {
            let midnight = date.to_datetime(Time::midnight());
            self.zone.0.to_ambiguous_timestamp(midnight).later().ok()
        })
        .map_or(i64::MAX, Timestamp::as_millisecond)
    }
}
