//! What a wire protocol does for the load loop.

use std::fmt;

/// Why the driver cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An option is missing or wrong.
    #[error("{0}")]
    Options(String),
    /// A file or a socket failed.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The peer broke the protocol, or ended the connection.
    #[error("peer: {0}")]
    Peer(String),
}

impl Failure {
    /// Wraps a system error with what was being done.
    pub fn io(what: impl Into<String>, error: impl Into<std::io::Error>) -> Self {
        Self::Io {
            what: what.into(),
            error: error.into(),
        }
    }
}

/// How one call ended, as its protocol numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The `grpc-status` of a gRPC call.
    Grpc(u32),
    /// The status of an HTTP answer that carries no `grpc-status`.
    Http(u32),
    /// The stream was reset by the peer, with its error code.
    Reset(u32),
    /// An answer of the store that is not an error.
    Value,
    /// An error answer of the store.
    Error,
}

impl Status {
    /// Whether the call did what it was sent for.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Grpc(0) | Self::Http(200..=299) | Self::Value)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grpc(code) => write!(formatter, "grpc-{code}"),
            Self::Http(code) => write!(formatter, "http-{code}"),
            Self::Reset(code) => write!(formatter, "reset-{code}"),
            Self::Value => write!(formatter, "value"),
            Self::Error => write!(formatter, "error"),
        }
    }
}

/// One finished call.
pub struct Answer {
    /// What [`Protocol::send`] returned for it.
    pub token: u32,
    /// How it ended.
    pub status: Status,
    /// Its body, when answers are kept.
    pub body: Vec<u8>,
}

/// One connection's wire protocol: pure state, no sockets.
pub trait Protocol {
    /// Writes what opens the connection.
    fn open(&mut self, out: &mut Vec<u8>);

    /// Whether calls may be sent yet.
    fn is_open(&self) -> bool;

    /// Writes one call and returns its token, unique on the connection.
    fn send(&mut self, body: &[u8], out: &mut Vec<u8>) -> u32;

    /// Reads what has arrived; returns how many bytes were used up. What the
    /// peer must be told goes to `out`, finished calls go to `done`.
    fn receive(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        done: &mut Vec<Answer>,
    ) -> Result<usize, Failure>;
}
