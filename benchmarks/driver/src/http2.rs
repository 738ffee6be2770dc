//! Unary gRPC over HTTP/2 without TLS (RFC 9113), the client's half.

use std::collections::VecDeque;

use crate::hpack::{AnswerReader, CallHeaders};
use crate::protocol::{Answer, Failure, Protocol, Status};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;
/// The peer's limits until it says otherwise.
const DEFAULT_WINDOW: i64 = 65_535;
const DEFAULT_FRAME_SIZE: usize = 16_384;
/// What the peer may send unasked: large, so that answers never wait for us.
const OUR_WINDOW: u32 = 1 << 30;
/// Bytes received before the connection's window is filled up again.
const REPLENISH_AFTER: u32 = 1 << 24;

mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

mod flag {
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 32;
}

mod setting {
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
}

struct Frame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'a [u8],
}

/// A call whose answer has begun, or whose body still waits for the peer's window.
struct Stream {
    id: u32,
    window: i64,
    unsent: Vec<u8>,
    http: Option<u32>,
    grpc: Option<u32>,
    body: Vec<u8>,
}

/// State of one HTTP/2 connection.
pub struct Http2 {
    headers: CallHeaders,
    reader: AnswerReader,
    keep_bodies: bool,
    settled: bool,
    next_stream: u32,
    streams: VecDeque<Stream>,
    connection_window: i64,
    initial_window: i64,
    frame_size: usize,
    unacknowledged: u32,
    block: Vec<u8>,
}

impl Http2 {
    /// Calls the method at `path`.
    pub fn new(
        path: &str,
        authority: &str,
        authorization: Option<&str>,
        keep_bodies: bool,
    ) -> Self {
        Self {
            headers: CallHeaders::new(path, authority, authorization),
            reader: AnswerReader::new(),
            keep_bodies,
            settled: false,
            next_stream: 1,
            streams: VecDeque::new(),
            connection_window: DEFAULT_WINDOW,
            initial_window: DEFAULT_WINDOW,
            frame_size: DEFAULT_FRAME_SIZE,
            unacknowledged: 0,
            block: Vec::new(),
        }
    }

    /// Sends what the windows allow of every waiting body.
    fn send_waiting(&mut self, out: &mut Vec<u8>) {
        for stream in &mut self.streams {
            if self.connection_window <= 0 {
                return;
            }
            let allowed = stream.window.min(self.connection_window);
            let (Ok(allowed), false) = (usize::try_from(allowed), stream.unsent.is_empty()) else {
                continue;
            };
            let count = allowed.min(stream.unsent.len());
            let is_all = count == stream.unsent.len();
            write_data(
                out,
                stream.id,
                &stream.unsent[..count],
                is_all,
                self.frame_size,
            );
            stream.unsent.drain(..count);
            let sent = i64::try_from(count).unwrap_or(i64::MAX);
            stream.window -= sent;
            self.connection_window -= sent;
        }
    }

    fn handle(
        &mut self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
        done: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        match frame.kind {
            kind::SETTINGS if frame.flags & flag::ACK == 0 => self.settings(frame.payload, out)?,
            kind::PING if frame.flags & flag::ACK == 0 => {
                write_frame(out, kind::PING, flag::ACK, 0, frame.payload);
            }
            kind::WINDOW_UPDATE => self.window_update(frame, out)?,
            kind::GOAWAY => return Err(Failure::Peer("the server is going away".into())),
            kind::RST_STREAM => {
                let code = read_u32(frame.payload)?;
                self.finish(frame.stream, Some(Status::Reset(code)), done)?;
            }
            kind::DATA => {
                let body = unpad(frame)?;
                if self.keep_bodies {
                    self.stream(frame.stream)?.body.extend_from_slice(body);
                }
                self.unacknowledged += u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
                if self.unacknowledged >= REPLENISH_AFTER {
                    write_frame(
                        out,
                        kind::WINDOW_UPDATE,
                        0,
                        0,
                        &self.unacknowledged.to_be_bytes(),
                    );
                    self.unacknowledged = 0;
                }
                if frame.flags & flag::END_STREAM != 0 {
                    self.finish(frame.stream, None, done)?;
                }
            }
            kind::HEADERS => {
                if frame.flags & flag::END_HEADERS == 0 {
                    return Err(Failure::Peer("headers longer than a frame".into()));
                }
                let block = unpad(frame)?;
                let block = block.get(
                    if frame.flags & flag::PRIORITY == 0 {
                        0
                    } else {
                        5
                    }..,
                );
                let headers = self.reader.read(block.unwrap_or_default())?;
                let stream = self.stream(frame.stream)?;
                stream.http = stream.http.or(headers.http);
                stream.grpc = stream.grpc.or(headers.grpc);
                if frame.flags & flag::END_STREAM != 0 {
                    self.finish(frame.stream, None, done)?;
                }
            }
            kind::CONTINUATION => return Err(Failure::Peer("headers longer than a frame".into())),
            _ => {}
        }
        Ok(())
    }

    fn settings(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        for entry in payload.chunks_exact(6) {
            let value = read_u32(&entry[2..])?;
            match u16::from_be_bytes([entry[0], entry[1]]) {
                setting::INITIAL_WINDOW_SIZE => {
                    let change = i64::from(value) - self.initial_window;
                    self.initial_window = i64::from(value);
                    for stream in &mut self.streams {
                        stream.window += change;
                    }
                }
                setting::MAX_FRAME_SIZE => self.frame_size = value as usize,
                setting::HEADER_TABLE_SIZE if value < 4096 => {
                    return Err(Failure::Peer(
                        "a header table of less than 4096 bytes".into(),
                    ));
                }
                _ => {}
            }
        }
        self.settled = true;
        write_frame(out, kind::SETTINGS, flag::ACK, 0, &[]);
        self.send_waiting(out);
        Ok(())
    }

    fn window_update(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        let increment = i64::from(read_u32(frame.payload)?);
        if frame.stream == 0 {
            self.connection_window += increment;
        } else if let Some(stream) = self.streams.iter_mut().find(|s| s.id == frame.stream) {
            stream.window += increment;
        }
        self.send_waiting(out);
        Ok(())
    }

    fn stream(&mut self, id: u32) -> Result<&mut Stream, Failure> {
        self.streams
            .iter_mut()
            .find(|stream| stream.id == id)
            .ok_or_else(|| Failure::Peer(format!("a frame of the unknown stream {id}")))
    }

    fn finish(
        &mut self,
        id: u32,
        status: Option<Status>,
        done: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        let place = self.streams.iter().position(|stream| stream.id == id);
        let Some(stream) = place.and_then(|place| self.streams.remove(place)) else {
            // A server may reset a stream that it has already answered.
            return if status.is_some() {
                Ok(())
            } else {
                Err(Failure::Peer(format!("the end of the unknown stream {id}")))
            };
        };
        let answered = match (stream.grpc, stream.http) {
            (Some(code), _) => Status::Grpc(code),
            (None, code) => Status::Http(code.unwrap_or_default()),
        };
        done.push(Answer {
            token: id,
            status: status.unwrap_or(answered),
            body: stream.body,
        });
        Ok(())
    }
}

impl Protocol for Http2 {
    fn open(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(PREFACE);
        let mut settings = Vec::new();
        for (name, value) in [
            (setting::HEADER_TABLE_SIZE, 0),
            (setting::ENABLE_PUSH, 0),
            (setting::INITIAL_WINDOW_SIZE, OUR_WINDOW),
        ] {
            settings.extend_from_slice(&name.to_be_bytes());
            settings.extend_from_slice(&value.to_be_bytes());
        }
        write_frame(out, kind::SETTINGS, 0, 0, &settings);
        write_frame(out, kind::WINDOW_UPDATE, 0, 0, &OUR_WINDOW.to_be_bytes());
    }

    fn is_open(&self) -> bool {
        self.settled
    }

    fn send(&mut self, body: &[u8], out: &mut Vec<u8>) -> u32 {
        let id = self.next_stream;
        self.next_stream += 2;
        write_frame(
            out,
            kind::HEADERS,
            flag::END_HEADERS,
            id,
            self.headers.block(id == 1),
        );
        let mut unsent = std::mem::take(&mut self.block);
        unsent.clear();
        unsent.push(0);
        unsent.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        unsent.extend_from_slice(body);
        let length = i64::try_from(unsent.len()).unwrap_or(i64::MAX);
        let mut stream = Stream {
            id,
            window: self.initial_window,
            unsent: Vec::new(),
            http: None,
            grpc: None,
            body: Vec::new(),
        };
        if length <= self.connection_window.min(self.initial_window) {
            write_data(out, id, &unsent, true, self.frame_size);
            self.connection_window -= length;
            self.block = unsent;
            self.streams.push_back(stream);
        } else {
            stream.unsent = unsent;
            self.streams.push_back(stream);
            self.send_waiting(out);
        }
        id
    }

    fn receive(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        done: &mut Vec<Answer>,
    ) -> Result<usize, Failure> {
        let mut used = 0;
        while let Some(head) = input.get(used..used + FRAME_HEAD) {
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let Some(payload) = input.get(used + FRAME_HEAD..used + FRAME_HEAD + length) else {
                break;
            };
            let stream = read_u32(&head[5..])? & 0x7fff_ffff;
            let frame = Frame {
                kind: head[3],
                flags: head[4],
                stream,
                payload,
            };
            self.handle(&frame, out, done)?;
            used += FRAME_HEAD + length;
        }
        Ok(used)
    }
}

/// Payload of a DATA or HEADERS frame without its padding.
fn unpad<'a>(frame: &Frame<'a>) -> Result<&'a [u8], Failure> {
    if frame.flags & flag::PADDED == 0 {
        return Ok(frame.payload);
    }
    let padding = frame.payload.first().copied().map_or(0, usize::from);
    frame
        .payload
        .len()
        .checked_sub(padding)
        .and_then(|end| frame.payload.get(1..end))
        .ok_or_else(|| Failure::Peer("padding longer than its frame".into()))
}

fn read_u32(bytes: &[u8]) -> Result<u32, Failure> {
    bytes
        .get(..4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_be_bytes)
        .ok_or_else(|| Failure::Peer("a frame that is too short".into()))
}

fn write_frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

fn write_data(out: &mut Vec<u8>, stream: u32, body: &[u8], is_all: bool, frame_size: usize) {
    let last = body.len().div_ceil(frame_size).saturating_sub(1);
    for (number, piece) in body.chunks(frame_size).enumerate() {
        let flags = if is_all && number == last {
            flag::END_STREAM
        } else {
            0
        };
        write_frame(out, kind::DATA, flags, stream, piece);
    }
}

#[cfg(test)]
#[path = "http2_tests.rs"]
mod tests;
