//! What was measured.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::connection::Finished;
use crate::options::{Options, Watched};
use crate::protocol::{Failure, Status};
use crate::usage;

/// Latencies are kept in microseconds with three significant digits, up to this.
const LONGEST: u64 = 60_000_000;

/// Counts and latencies of one run.
pub struct Outcome {
    measured_from: Instant,
    measured_until: Instant,
    stopped_at: Option<Instant>,
    latencies: Histogram<u64>,
    in_window: u64,
    statuses: BTreeMap<Status, u64>,
    answers: Vec<Vec<u8>>,
    watched: Vec<Watched>,
    time_before: Option<Vec<Duration>>,
    time_after: Option<(Instant, Vec<Duration>)>,
    /// Calls that had no answer when the driver gave up.
    pub unanswered: usize,
}

impl Outcome {
    /// Nothing measured yet.
    pub fn new(measured_from: Instant, measured_until: Instant, watched: &[Watched]) -> Self {
        Self {
            measured_from,
            measured_until,
            stopped_at: None,
            latencies: Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds are constant"),
            in_window: 0,
            statuses: BTreeMap::new(),
            answers: Vec::new(),
            watched: watched.to_vec(),
            time_before: None,
            time_after: None,
            unanswered: 0,
        }
    }

    /// Reads CPU times when the measured window begins.
    pub fn observe(&mut self, now: Instant) {
        if self.time_before.is_none() && now >= self.measured_from {
            self.time_before = Some(self.times());
        }
    }

    /// Ends the measured window: no further call will be sent.
    pub fn stop_at(&mut self, now: Instant) {
        if self.stopped_at.is_none() {
            self.stopped_at = Some(now.min(self.measured_until));
            self.time_after = Some((now, self.times()));
        }
    }

    /// Own time first, then that of each watched name.
    fn times(&self) -> Vec<Duration> {
        let watched = self.watched.iter().map(usage::watched_time);
        std::iter::once(usage::own_time()).chain(watched).collect()
    }

    /// Counts finished calls. A call belongs to the window in which it was due,
    /// so that a server that stalls cannot push its slow calls out of it.
    pub fn record(&mut self, finished: &mut Vec<Finished>, keep_bodies: bool) {
        let now = Instant::now();
        for call in finished.drain(..) {
            *self.statuses.entry(call.status).or_default() += 1;
            if now >= self.measured_from && self.stopped_at.is_none_or(|end| now <= end) {
                self.in_window += 1;
            }
            if call.due >= self.measured_from {
                let micros = u64::try_from(now.saturating_duration_since(call.due).as_micros());
                self.latencies
                    .saturating_record(micros.unwrap_or(LONGEST).max(1));
            }
            if keep_bodies {
                self.answers.push(call.body);
            }
        }
    }

    /// Writes the kept answers, when asked to.
    pub fn save_answers(&self, options: &Options) -> Result<(), Failure> {
        let Some(path) = &options.answers else {
            return Ok(());
        };
        let failure = |error| Failure::io(format!("writing {}", path.display()), error);
        let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(failure)?);
        for answer in &self.answers {
            let length = u32::try_from(answer.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes();
            file.write_all(&length).map_err(failure)?;
            file.write_all(answer).map_err(failure)?;
        }
        file.flush().map_err(failure)
    }

    /// The report.
    pub fn to_json(&self, options: &Options) -> Value {
        let end = self.stopped_at.unwrap_or(self.measured_until);
        let seconds = end
            .saturating_duration_since(self.measured_from)
            .as_secs_f64();
        let statuses: Map<String, Value> = self
            .statuses
            .iter()
            .map(|(status, count)| (status.to_string(), json!(count)))
            .collect();
        let failed: u64 = self
            .statuses
            .iter()
            .filter(|(status, _)| !status.is_success())
            .map(|(_, n)| n)
            .sum();
        #[allow(clippy::cast_precision_loss)] // fewer calls than 2^52
        let rate = if seconds > 0.0 {
            self.in_window as f64 / seconds
        } else {
            0.0
        };
        json!({
            "calls": self.in_window,
            "seconds": seconds,
            "calls_per_second": rate,
            "failed": failed,
            "unanswered": self.unanswered,
            "statuses": statuses,
            "ran_out_of_bodies": end < self.measured_until,
            "connections": options.connections,
            "streams": options.streams,
            "offered_rate": options.rate,
            "latency_us": {
                "mean": self.latencies.mean(),
                "p50": self.latencies.value_at_quantile(0.5),
                "p90": self.latencies.value_at_quantile(0.9),
                "p95": self.latencies.value_at_quantile(0.95),
                "p99": self.latencies.value_at_quantile(0.99),
                "p999": self.latencies.value_at_quantile(0.999),
                "max": self.latencies.max(),
            },
            "cores": self.cores(),
        })
    }

    /// Cores kept busy over the measured window, by name.
    fn cores(&self) -> Map<String, Value> {
        let (Some(before), Some((until, after))) = (&self.time_before, &self.time_after) else {
            return Map::new();
        };
        let seconds = until
            .saturating_duration_since(self.measured_from)
            .as_secs_f64();
        let names = std::iter::once("driver").chain(self.watched.iter().map(|w| w.name.as_str()));
        names
            .zip(before.iter().zip(after))
            .map(|(name, (from, to))| {
                (
                    name.to_owned(),
                    json!(to.saturating_sub(*from).as_secs_f64() / seconds),
                )
            })
            .collect()
    }
}
