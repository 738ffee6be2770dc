//! Command line.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::{Long, ValueExt};

use crate::protocol::Failure;

/// Which wire protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Unary gRPC over HTTP/2 without TLS.
    Grpc,
    /// `POST` of JSON over HTTP/1.1.
    Http,
    /// `GET` over HTTP/1.1; each body is the end of an address.
    HttpGet,
    /// The store's protocol; each body is one whole encoded command.
    Store,
}

/// A process whose CPU time is read over the measured window.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Name in the report.
    pub name: String,
    /// Process ids; their times are added.
    pub pids: Vec<u32>,
}

/// What to send, where, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Wire protocol.
    pub wire: Wire,
    /// `host:port`, or the path of a unix socket.
    pub address: String,
    /// Path of the method or resource; unused for the store.
    pub path: String,
    /// `authorization` header, when one is needed.
    pub authorization: Option<String>,
    /// File of prepared bodies.
    pub bodies: PathBuf,
    /// Connections to open.
    pub connections: usize,
    /// Calls in flight on each connection, at most.
    pub streams: usize,
    /// Calls per second; `None` sends as fast as answers come.
    pub rate: Option<f64>,
    /// Time before the measured window.
    pub warm_up: Duration,
    /// Length of the measured window.
    pub duration: Duration,
    /// Where answers are kept, in the format of the bodies.
    pub answers: Option<PathBuf>,
    /// Processes whose CPU time is reported.
    pub watched: Vec<Watched>,
}

const USAGE: &str = "promo-load-driver --wire grpc|http|http-get|store --address HOST:PORT|/SOCKET \
--path PATH --bodies FILE [--authorization TEXT] [--connections N] [--streams N] [--rate CALLS_PER_S] \
[--warm-up SECONDS] [--duration SECONDS] [--answers FILE] [--watch NAME=PID[,PID...]]";

impl Options {
    /// Reads the command line.
    pub fn from_arguments() -> Result<Self, Failure> {
        Self::parse(lexopt::Parser::from_env())
            .map_err(|error| Failure::Options(format!("{error}\n{USAGE}")))
    }

    fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut wire = None;
        let mut address = None;
        let mut bodies = None;
        let mut options = Self {
            wire: Wire::Grpc,
            address: String::new(),
            path: String::new(),
            authorization: None,
            bodies: PathBuf::new(),
            connections: 1,
            streams: 1,
            rate: None,
            warm_up: Duration::from_secs(1),
            duration: Duration::from_secs(5),
            answers: None,
            watched: Vec::new(),
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Long("wire") => wire = Some(parser.value()?.parse_with(parse_wire)?),
                Long("address") => address = Some(parser.value()?.string()?),
                Long("path") => options.path = parser.value()?.string()?,
                Long("authorization") => options.authorization = Some(parser.value()?.string()?),
                Long("bodies") => bodies = Some(PathBuf::from(parser.value()?)),
                Long("connections") => {
                    options.connections = parser.value()?.parse_with(parse_count)?;
                }
                Long("streams") => options.streams = parser.value()?.parse_with(parse_count)?,
                Long("rate") => options.rate = Some(parser.value()?.parse_with(parse_rate)?),
                Long("warm-up") => options.warm_up = parser.value()?.parse_with(parse_seconds)?,
                Long("duration") => options.duration = parser.value()?.parse_with(parse_seconds)?,
                Long("answers") => options.answers = Some(PathBuf::from(parser.value()?)),
                Long("watch") => options
                    .watched
                    .push(parser.value()?.parse_with(parse_watched)?),
                other => return Err(other.unexpected()),
            }
        }
        options.wire = wire.ok_or("--wire is required")?;
        options.address = address.ok_or("--address is required")?;
        options.bodies = bodies.ok_or("--bodies is required")?;
        Ok(options)
    }
}

fn parse_wire(text: &str) -> Result<Wire, String> {
    match text {
        "grpc" => Ok(Wire::Grpc),
        "http" => Ok(Wire::Http),
        "http-get" => Ok(Wire::HttpGet),
        "store" => Ok(Wire::Store),
        other => Err(format!("{other} is not grpc, http, http-get or store")),
    }
}

fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=1024) => Ok(count),
        _ => Err(format!("{text} is not a number from 1 to 1024")),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err(format!("{text} is not a rate above zero")),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{text} is not a number of seconds"))
}

fn parse_watched(text: &str) -> Result<Watched, String> {
    let (name, pids) = text
        .split_once('=')
        .ok_or_else(|| format!("{text} is not NAME=PID"))?;
    let pids = pids
        .split(',')
        .map(|pid| {
            pid.parse()
                .map_err(|_| format!("{pid} is not a process id"))
        })
        .collect::<Result<_, _>>()?;
    Ok(Watched {
        name: name.into(),
        pids,
    })
}
