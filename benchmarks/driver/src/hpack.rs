//! Header blocks of unary calls: one that never changes outwards, few inwards.

use std::collections::HashMap;

use loona_hpack::Decoder;

use crate::protocol::Failure;

/// Entries of the dynamic table start after the 61 static ones.
const FIRST_DYNAMIC: usize = 62;
/// Different blocks remembered; answers differ by date and by error message.
const REMEMBERED: usize = 1024;

/// The header blocks of all calls on one connection. The first adds its headers
/// to the peer's table, the others only name them, as any gRPC client does.
pub struct CallHeaders {
    first: Vec<u8>,
    later: Vec<u8>,
}

impl CallHeaders {
    /// Headers of a gRPC call.
    pub fn new(path: &str, authority: &str, authorization: Option<&str>) -> Self {
        // (index of the name in the static table, or 0 and the name, value)
        let mut fields = vec![
            (4, "", path),
            (1, "", authority),
            (0, "te", "trailers"),
            (31, "", "application/grpc"),
            (58, "", "promo-load-driver/0.1"),
        ];
        fields.extend(authorization.map(|value| (23, "", value)));
        // :method POST and :scheme http are in the static table with their values.
        let mut first = vec![0x83, 0x86];
        let mut later = first.clone();
        for (place, (name_index, name, value)) in fields.iter().enumerate() {
            write_integer(&mut first, 0x40, 6, *name_index);
            if *name_index == 0 {
                write_text(&mut first, name);
            }
            write_text(&mut first, value);
            write_integer(
                &mut later,
                0x80,
                7,
                FIRST_DYNAMIC + fields.len() - 1 - place,
            );
        }
        Self { first, later }
    }

    /// The block of the first call, or of any later one.
    pub fn block(&self, is_first: bool) -> &[u8] {
        if is_first { &self.first } else { &self.later }
    }
}

/// Writes an integer with a prefix of `bits` bits (RFC 7541, 5.1).
fn write_integer(out: &mut Vec<u8>, pattern: u8, bits: u32, value: usize) {
    let limit = (1_usize << bits) - 1;
    if value < limit {
        out.push(pattern | u8::try_from(value).unwrap_or_default());
        return;
    }
    out.push(pattern | u8::try_from(limit).unwrap_or_default());
    let mut rest = value - limit;
    while rest >= 128 {
        out.push(u8::try_from(rest % 128).unwrap_or_default() | 0x80);
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap_or_default());
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_integer(out, 0, 7, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// What the driver needs to know of a header block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnswerHeaders {
    /// `:status`.
    pub http: Option<u32>,
    /// `grpc-status`.
    pub grpc: Option<u32>,
}

/// Reads header blocks. The driver announces a table of no size, so the same
/// bytes always mean the same headers and each block is decoded once.
pub struct AnswerReader {
    decoder: Decoder<'static>,
    known: HashMap<Box<[u8]>, AnswerHeaders>,
}

impl AnswerReader {
    /// A reader of one connection.
    pub fn new() -> Self {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(0);
        Self {
            decoder,
            known: HashMap::new(),
        }
    }

    /// Reads one whole block.
    pub fn read(&mut self, block: &[u8]) -> Result<AnswerHeaders, Failure> {
        if let Some(headers) = self.known.get(block) {
            return Ok(*headers);
        }
        let mut headers = AnswerHeaders::default();
        self.decoder
            .decode_with_cb(block, |name, value| {
                let number = || {
                    std::str::from_utf8(&value)
                        .ok()
                        .and_then(|text| text.parse().ok())
                };
                match name.as_ref() {
                    b":status" => headers.http = number(),
                    b"grpc-status" => headers.grpc = number(),
                    _ => {}
                }
            })
            .map_err(|error| Failure::Peer(format!("a header block: {error:?}")))?;
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(block.into(), headers);
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use loona_hpack::Decoder;

    use super::{AnswerHeaders, AnswerReader, CallHeaders};

    #[test]
    fn first_and_later_blocks_mean_the_same() {
        let headers = CallHeaders::new("/a.B/C", "localhost:1", Some("Bearer x:y"));
        let mut decoder = Decoder::new();
        let first = decoder.decode(headers.block(true)).expect("first block");
        assert_eq!(
            decoder.decode(headers.block(false)).expect("later block"),
            first
        );
        assert_eq!(
            decoder.decode(headers.block(false)).expect("later block"),
            first
        );
        assert!(first.contains(&(b"authorization".to_vec(), b"Bearer x:y".to_vec())));
        assert!(first.contains(&(b":path".to_vec(), b"/a.B/C".to_vec())));
        assert!(first.contains(&(b"te".to_vec(), b"trailers".to_vec())));
    }

    #[test]
    fn long_values_are_written_with_a_long_length() {
        let path = "/".repeat(300);
        let headers = CallHeaders::new(&path, "localhost", None);
        let fields = Decoder::new().decode(headers.block(true)).expect("block");
        assert!(fields.contains(&(b":path".to_vec(), path.into_bytes())));
    }

    #[test]
    fn statuses_are_read_once_and_remembered() {
        let block = b"\x88\x00\x0bgrpc-status\x019";
        let mut reader = AnswerReader::new();
        for _ in 0..2 {
            let headers = reader.read(block).expect("block");
            assert_eq!(
                headers,
                AnswerHeaders {
                    http: Some(200),
                    grpc: Some(9)
                }
            );
        }
        assert_eq!(reader.known.len(), 1);
    }
}
