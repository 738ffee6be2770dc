//! Periods of limits, across the edges of days, weeks, months and clocks.

mod common;

use common::{PENNY_OFF, bare_order, campaign, candidate};
use promo_decision::{Facts, LimitKind, Mode, Zone, decide};

/// Names and ends of day, week and month at an instant.
fn periods(zone: &str, now_ms: i64) -> [(String, i64); 3] {
    let campaign = campaign(
        PENNY_OFF,
        r#""limits":{"per_day":1,"per_week":1,"per_month":1}"#,
    );
    let zone = Zone::named(zone).expect("the zone exists");
    let facts = Facts {
        now_ms,
        zone: &zone,
        customer: None,
    };
    let decision = decide(
        &bare_order(100),
        &[Ok(candidate(&campaign))],
        Mode::All,
        &facts,
    );
    let kinds: Vec<_> = decision.takes.iter().map(|take| take.kind).collect();
    assert_eq!(
        kinds,
        [LimitKind::PerDay, LimitKind::PerWeek, LimitKind::PerMonth]
    );
    [0, 1, 2].map(|index| {
        let period = decision.takes[index]
            .period
            .expect("the limit has a period");
        (period.name.as_str().to_owned(), period.end_ms)
    })
}

fn names(zone: &str, now_ms: i64) -> [String; 3] {
    periods(zone, now_ms).map(|(name, _)| name)
}

/// Unix milliseconds of an RFC 3339 time.
fn at(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>()
        .expect("a time")
        .as_millisecond()
}

#[test]
fn periods_have_names_and_ends() {
    let [day, week, month] = periods("UTC", at("2026-11-22T12:00:00Z"));
    assert_eq!(day, ("d20261122".to_owned(), at("2026-11-23T00:00:00Z")));
    assert_eq!(week, ("w2026W47".to_owned(), at("2026-11-23T00:00:00Z")));
    assert_eq!(month, ("m202611".to_owned(), at("2026-12-01T00:00:00Z")));
}

#[test]
fn a_week_belongs_to_the_iso_year_of_its_thursday() {
    assert_eq!(names("UTC", at("2027-01-03T23:59:59Z"))[1], "w2026W53");
    assert_eq!(names("UTC", at("2024-12-30T00:00:00Z"))[1], "w2025W01");
    let [_, (_, end), _] = periods("UTC", at("2026-11-16T00:00:00Z"));
    assert_eq!(end, at("2026-11-23T00:00:00Z"));
}

#[test]
fn the_last_month_ends_with_the_year() {
    let [.., (name, end)] = periods("UTC", at("2027-12-31T23:59:59.999Z"));
    assert_eq!(
        (name.as_str(), end),
        ("m202712", at("2028-01-01T00:00:00Z"))
    );
    assert_eq!(
        periods("UTC", at("2028-02-29T00:00:00Z"))[2].1,
        at("2028-03-01T00:00:00Z")
    );
}

#[test]
fn midnight_is_that_of_the_zone() {
    assert_eq!(
        names("Asia/Kolkata", at("2026-11-22T18:29:59.999Z"))[0],
        "d20261122"
    );
    assert_eq!(
        names("Asia/Kolkata", at("2026-11-22T18:30:00Z"))[0],
        "d20261123"
    );
}

#[test]
fn a_day_whose_midnight_is_skipped_begins_when_the_clock_goes_on() {
    // Sao Paulo went from 23:59:59 to 01:00 on 4 November 2018.
    let zone = "America/Sao_Paulo";
    let [(name, end), ..] = periods(zone, at("2018-11-04T02:59:59.999Z"));
    assert_eq!(
        (name.as_str(), end),
        ("d20181103", at("2018-11-04T03:00:00Z"))
    );
    assert_eq!(names(zone, at("2018-11-04T03:00:00Z"))[0], "d20181104");
}

#[test]
fn a_day_that_comes_back_over_midnight_ends_the_second_time() {
    // St. John's went from 00:01 back to 23:01 of the day before on 1 November 2009.
    let zone = "America/St_Johns";
    let [(name, end), ..] = periods(zone, at("2009-11-01T02:30:30Z"));
    assert_eq!(
        (name.as_str(), end),
        ("d20091101", at("2009-11-02T03:30:00Z"))
    );
    let [(name, end), ..] = periods(zone, at("2009-11-01T03:00:00Z"));
    assert_eq!(
        (name.as_str(), end),
        ("d20091031", at("2009-11-01T03:30:00Z"))
    );
}

#[test]
fn a_day_that_a_country_left_out_does_not_exist() {
    // Samoa had no 30 December 2011.
    let [(name, end), ..] = periods("Pacific/Apia", at("2011-12-30T09:59:59Z"));
    assert_eq!(
        (name.as_str(), end),
        ("d20111229", at("2011-12-30T10:00:00Z"))
    );
    assert_eq!(
        names("Pacific/Apia", at("2011-12-30T10:00:00Z"))[0],
        "d20111231"
    );
}

#[test]
fn times_that_no_calendar_has_do_not_fail() {
    assert_eq!(names("UTC", i64::MIN)[0], "d19700101");
    let [(day, end), ..] = periods("UTC", i64::MAX);
    assert_eq!((day.as_str(), end), ("d99991230", i64::MAX));
}

#[test]
fn unknown_zones_are_errors() {
    for name in ["", "Mars/Olympus", "../etc/passwd", "Europe/London\0"] {
        assert!(Zone::named(name).is_err(), "{name:?}");
    }
}
