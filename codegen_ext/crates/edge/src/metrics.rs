//! Counts and times of calls, in Prometheus' text form.
//!
//! A call costs a few additions: every series exists from the start, so labels
//! are bounded by the table of methods and nothing is looked up.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::methods::Methods;

/// Names of the gRPC status codes, by number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
const CANCELLED: i32 = 1;

/// Upper bounds of the latency buckets, with their label in seconds.
const BOUNDS: [(u64, &str); 15] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

#[derive(Default)]
struct Series {
    codes: [AtomicU64; CODES.len()],
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// What the edge counts.
pub struct Metrics {
    paths: Vec<&'static str>,
    /// One for each path.
    series: Vec<Series>,
    unknown_methods: AtomicU64,
    calls_in_flight: AtomicUsize,
    connections: Arc<AtomicUsize>,
}

impl Metrics {
    /// Zeros for every method.
    pub fn new(methods: &Methods) -> Self {
        Self {
            paths: methods.all().iter().map(|method| method.path).collect(),
            series: methods.all().iter().map(|_| Series::default()).collect(),
            unknown_methods: AtomicU64::new(0),
            calls_in_flight: AtomicUsize::new(0),
            connections: Arc::default(),
        }
    }

    /// Calls that were begun and are not over.
    pub fn calls_in_flight(&self) -> usize {
        self.calls_in_flight.load(Relaxed)
    }

    /// Open connections.
    pub fn connections(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.connections)
    }

    /// Counts a call to a path that is no method.
    pub fn unknown_method(&self) {
        self.unknown_methods.fetch_add(1, Relaxed);
    }

    /// Everything counted so far.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(4_096);
        self.write(&mut text)
            .map_or_else(|_| String::new(), |()| text)
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "# HELP promo_edge_calls_total Finished calls by method and gRPC status."
        )?;
        writeln!(text, "# TYPE promo_edge_calls_total counter")?;
        for (path, series) in self.paths.iter().zip(&self.series) {
            for (code, count) in CODES.iter().zip(&series.codes) {
                let count = count.load(Relaxed);
                if count > 0 {
                    let labels = format!("method=\"{path}\",code=\"{code}\"");
                    writeln!(text, "promo_edge_calls_total{{{labels}}} {count}")?;
                }
            }
        }
        writeln!(
            text,
            "# HELP promo_edge_call_seconds Time from the headers to the answer's end."
        )?;
        writeln!(text, "# TYPE promo_edge_call_seconds histogram")?;
        for (path, series) in self.paths.iter().zip(&self.series) {
            series.write_histogram(text, path)?;
        }
        let singles = [
            (
                "unknown_methods_total",
                "Calls to paths that are no method.",
                "counter",
                self.unknown_methods.load(Relaxed),
            ),
            (
                "calls_in_flight",
                "Calls that were begun and are not over.",
                "gauge",
                self.calls_in_flight.load(Relaxed) as u64,
            ),
            (
                "connections",
                "Open connections to the public port.",
                "gauge",
                self.connections.load(Relaxed) as u64,
            ),
        ];
        for (name, help, kind, value) in singles {
            writeln!(text, "# HELP promo_edge_{name} {help}")?;
            writeln!(
                text,
                "# TYPE promo_edge_{name} {kind}\npromo_edge_{name} {value}"
            )?;
        }
        Ok(())
    }
}

impl Series {
    fn write_histogram(&self, text: &mut String, path: &str) -> std::fmt::Result {
        let buckets: Vec<u64> = self
            .buckets
            .iter()
            .map(|count| count.load(Relaxed))
            .collect();
        let total: u64 = buckets.iter().sum();
        if total == 0 {
            return Ok(());
        }
        let name = "promo_edge_call_seconds";
        let mut sum = 0;
        for ((_, label), count) in BOUNDS.iter().zip(&buckets) {
            sum += count;
            writeln!(
                text,
                "{name}_bucket{{method=\"{path}\",le=\"{label}\"}} {sum}"
            )?;
        }
        writeln!(
            text,
            "{name}_bucket{{method=\"{path}\",le=\"+Inf\"}} {total}"
        )?;
        let seconds = Duration::from_micros(self.microseconds.load(Relaxed)).as_secs_f64();
        writeln!(text, "{name}_sum{{method=\"{path}\"}} {seconds}")?;
        writeln!(text, "{name}_count{{method=\"{path}\"}} {total}")
    }
}

/// A call in flight. Whatever ends it, dropping this counts it; a call that was
/// not told its code was cancelled.
pub struct Flight {
    metrics: Arc<Metrics>,
    method: usize,
    started: Instant,
    code: i32,
}

impl Flight {
    /// Begins a call; also returns how many are in flight with it.
    pub fn begin(metrics: &Arc<Metrics>, method: usize) -> (Self, usize) {
        let in_flight = metrics.calls_in_flight.fetch_add(1, Relaxed) + 1;
        let metrics = Arc::clone(metrics);
        (
            Self {
                metrics,
                method,
                started: Instant::now(),
                code: CANCELLED,
            },
            in_flight,
        )
    }

    /// Says how the call ended.
    pub fn end(&mut self, code: i32) {
        self.code = code;
    }

    /// When the call began.
    pub fn started(&self) -> Instant {
        self.started
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.metrics.calls_in_flight.fetch_sub(1, Relaxed);
        let Some(series) = self.metrics.series.get(self.method) else {
            return;
        };
        let code = usize::try_from(self.code)
            .ok()
            .filter(|code| *code < CODES.len());
        series.codes[code.unwrap_or(2)].fetch_add(1, Relaxed);
        let elapsed = self.started.elapsed().as_micros();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|(bound, _)| elapsed <= *bound);
        series.buckets[bucket.unwrap_or(BOUNDS.len())].fetch_add(1, Relaxed);
        series.microseconds.fetch_add(elapsed, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_by_its_code_and_a_dropped_one_as_cancelled() {
        let methods = Methods::new();
        let metrics = Arc::new(Metrics::new(&methods));
        let redeem = methods
            .find("/promo.v1.RedemptionService/Redeem")
            .unwrap()
            .index;
        let (mut flight, in_flight) = Flight::begin(&metrics, redeem);
        assert_eq!((in_flight, metrics.calls_in_flight()), (1, 1));
        flight.end(0);
        drop(flight);
        drop(Flight::begin(&metrics, redeem));
        assert_eq!(metrics.calls_in_flight(), 0);
        let text = metrics.render();
        let labels = "method=\"/promo.v1.RedemptionService/Redeem\"";
        assert!(text.contains(&format!("promo_edge_calls_total{{{labels},code=\"OK\"}} 1")));
        assert!(text.contains(&format!(
            "promo_edge_calls_total{{{labels},code=\"CANCELLED\"}} 1"
        )));
        assert!(text.contains(&format!("promo_edge_call_seconds_count{{{labels}}} 2")));
        assert!(text.contains("promo_edge_calls_in_flight 0"));
        assert!(!text.contains("Publish"), "methods without calls stay out");
    }
}
