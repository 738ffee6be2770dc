//! The load loop.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::bodies::Bodies;
use crate::connection::{Connection, Finished};
use crate::http1::{Http1, Method};
use crate::http2::Http2;
use crate::options::{Options, Wire};
use crate::protocol::{Failure, Protocol};
use crate::report::Outcome;
use crate::resp::Resp;

/// How long opening all connections and answering the last calls may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn protocol(options: &Options) -> Box<dyn Protocol> {
    let keep = options.answers.is_some();
    let authorization = options.authorization.as_deref();
    match options.wire {
        Wire::Grpc => Box::new(Http2::new(
            &options.path,
            &options.address,
            authorization,
            keep,
        )),
        Wire::Http | Wire::HttpGet => Box::new(Http1::new(
            if options.wire == Wire::Http {
                Method::Post
            } else {
                Method::Get
            },
            &options.path,
            &options.address,
            authorization,
            keep,
        )),
        Wire::Store => Box::new(Resp::new(keep)),
    }
}

/// When calls are due.
struct Schedule {
    start: Instant,
    end: Instant,
    interval: Option<f64>,
    next: usize,
}

impl Schedule {
    /// When the next call is due, or `None` when the time is over. In a closed
    /// loop a call is due as soon as there is room for it.
    fn due(&self, now: Instant) -> Option<Instant> {
        let due = match self.interval {
            None => now,
            #[allow(clippy::cast_precision_loss)] // fewer calls than 2^52
            Some(interval) => self.start + Duration::from_secs_f64(interval * self.next as f64),
        };
        (due < self.end).then_some(due)
    }
}

/// Sends the bodies as the options say.
pub fn run(options: &Options, bodies: &Bodies) -> Result<Outcome, Failure> {
    let mut connections = (0..options.connections)
        .map(|_| Connection::open(&options.address, protocol(options)))
        .collect::<Result<Vec<_>, _>>()?;
    open_all(&mut connections)?;

    let start = Instant::now();
    let measured_from = start + options.warm_up;
    let mut schedule = Schedule {
        start,
        end: measured_from + options.duration,
        interval: options.rate.map(|rate| 1.0 / rate),
        next: 0,
    };
    let mut outcome = Outcome::new(measured_from, schedule.end, &options.watched);
    let mut finished = Vec::new();
    let mut turn = 0;
    loop {
        let now = Instant::now();
        outcome.observe(now);
        let next_due = issue(
            &mut schedule,
            &mut connections,
            &mut turn,
            options,
            bodies,
            now,
        );
        let in_flight: usize = connections.iter().map(Connection::in_flight).sum();
        if next_due.is_none() {
            outcome.stop_at(now);
            if in_flight == 0 {
                return Ok(outcome);
            }
            if now > schedule.end + PATIENCE {
                outcome.unanswered = in_flight;
                return Ok(outcome);
            }
        }
        for connection in &mut connections {
            connection.flush()?;
        }
        let wait = match next_due {
            Some(Wake::At(due)) => due.saturating_duration_since(now),
            Some(Wake::OnAnswer) | None => Duration::from_millis(100),
        };
        for place in wait_for_input(&connections, wait)? {
            connections[place].receive(&mut finished)?;
        }
        outcome.record(&mut finished, options.answers.is_some());
    }
}

enum Wake {
    At(Instant),
    OnAnswer,
}

/// Sends every call that is due and for which there is room; says what to wait
/// for, `None` when nothing more will be sent.
fn issue(
    schedule: &mut Schedule,
    connections: &mut [Connection],
    turn: &mut usize,
    options: &Options,
    bodies: &Bodies,
    now: Instant,
) -> Option<Wake> {
    loop {
        let due = schedule.due(now)?;
        let body = bodies.get(schedule.next)?;
        if due > now {
            return Some(Wake::At(due));
        }
        let count = connections.len();
        let room = (0..count)
            .map(|step| (*turn + step) % count)
            .find(|place| connections[*place].in_flight() < options.streams);
        let Some(place) = room else {
            return Some(Wake::OnAnswer);
        };
        connections[place].send(body, due);
        *turn = (place + 1) % count;
        schedule.next += 1;
    }
}

fn open_all(connections: &mut [Connection]) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    let mut finished: Vec<Finished> = Vec::new();
    while connections.iter().any(|connection| !connection.is_open()) {
        if Instant::now() > deadline {
            return Err(Failure::Peer(
                "the server did not open the connection".into(),
            ));
        }
        for connection in connections.iter_mut() {
            connection.flush()?;
        }
        for place in wait_for_input(connections, Duration::from_millis(100))? {
            connections[place].receive(&mut finished)?;
        }
    }
    Ok(())
}

/// Waits until input has arrived or output can go; returns who has input.
fn wait_for_input(connections: &[Connection], wait: Duration) -> Result<Vec<usize>, Failure> {
    let mut descriptors: Vec<PollFd<'_>> = connections
        .iter()
        .map(|connection| {
            let output = if connection.has_output() {
                PollFlags::OUT
            } else {
                PollFlags::empty()
            };
            PollFd::from_borrowed_fd(connection.descriptor(), PollFlags::IN | output)
        })
        .collect();
    let timeout =
        Timespec::try_from(wait).map_err(|_| Failure::Options("a wait that is too long".into()))?;
    match poll(&mut descriptors, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(Failure::io("waiting", error)),
    }
    let has_input = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
    Ok(descriptors
        .iter()
        .enumerate()
        .filter(|(_, descriptor)| descriptor.revents().intersects(has_input))
        .map(|(place, _)| place)
        .collect())
}
