//! A socket with its buffers, its protocol and the calls in flight on it.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use crate::protocol::{Answer, Failure, Protocol, Status};

/// Bytes read from a socket at once.
const READ_SIZE: usize = 256 * 1024;

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn connect(address: &str) -> std::io::Result<Self> {
        if address.starts_with('/') {
            let stream = UnixStream::connect(address)?;
            stream.set_nonblocking(true)?;
            return Ok(Self::Unix(stream));
        }
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self::Tcp(stream))
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Unix(stream) => stream.write(buffer),
        }
    }
}

/// A call that has been answered.
pub struct Finished {
    /// When it was due.
    pub due: Instant,
    /// How it ended.
    pub status: Status,
    /// Its body, when answers are kept.
    pub body: Vec<u8>,
}

/// One connection to the server under load.
pub struct Connection {
    socket: Socket,
    protocol: Box<dyn Protocol>,
    incoming: Vec<u8>,
    filled: usize,
    outgoing: Vec<u8>,
    written: usize,
    // Answers come almost in the order of the calls, so the front is searched first.
    in_flight: VecDeque<(u32, Instant)>,
    answers: Vec<Answer>,
}

impl Connection {
    /// Connects and queues what opens the connection.
    pub fn open(address: &str, mut protocol: Box<dyn Protocol>) -> Result<Self, Failure> {
        let socket = Socket::connect(address)
            .map_err(|error| Failure::io(format!("connecting to {address}"), error))?;
        let mut outgoing = Vec::with_capacity(READ_SIZE);
        protocol.open(&mut outgoing);
        Ok(Self {
            socket,
            protocol,
            incoming: vec![0; READ_SIZE],
            filled: 0,
            outgoing,
            written: 0,
            in_flight: VecDeque::new(),
            answers: Vec::new(),
        })
    }

    /// The descriptor to wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }

    /// Whether calls may be sent yet.
    pub fn is_open(&self) -> bool {
        self.protocol.is_open()
    }

    /// Whether bytes wait for the socket.
    pub fn has_output(&self) -> bool {
        self.written < self.outgoing.len()
    }

    /// Calls sent and not answered.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Queues a call; its latency counts from `due`.
    pub fn send(&mut self, body: &[u8], due: Instant) {
        let token = self.protocol.send(body, &mut self.outgoing);
        self.in_flight.push_back((token, due));
    }

    /// Writes as much as the socket takes.
    pub fn flush(&mut self) -> Result<(), Failure> {
        while self.has_output() {
            match self.socket.write(&self.outgoing[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::io("writing", error)),
            }
        }
        self.outgoing.clear();
        self.written = 0;
        Ok(())
    }

    /// Reads what has arrived and appends the calls it finishes.
    pub fn receive(&mut self, finished: &mut Vec<Finished>) -> Result<(), Failure> {
        if self.filled == self.incoming.len() {
            self.incoming.resize(self.incoming.len() * 2, 0);
        }
        match self.socket.read(&mut self.incoming[self.filled..]) {
            Ok(0) => return Err(Failure::Peer("the connection was closed".into())),
            Ok(count) => self.filled += count,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Ok(());
            }
            Err(error) => return Err(Failure::io("reading", error)),
        }
        let used = self.protocol.receive(
            &self.incoming[..self.filled],
            &mut self.outgoing,
            &mut self.answers,
        )?;
        self.incoming.copy_within(used..self.filled, 0);
        self.filled -= used;
        for answer in self.answers.drain(..) {
            let place = self
                .in_flight
                .iter()
                .position(|(token, _)| *token == answer.token);
            let Some((_, due)) = place.and_then(|place| self.in_flight.remove(place)) else {
                return Err(Failure::Peer(
                    "an answer to a call that was not sent".into(),
                ));
            };
            finished.push(Finished {
                due,
                status: answer.status,
                body: answer.body,
            });
        }
        Ok(())
    }
}
