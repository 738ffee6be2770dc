//! The five bytes before a gRPC message: a flag and the length.

use bytes::{BufMut, Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use promo_decision::{reason::Reason, refusal::Refusal};

use crate::failure::{Failure, UNIMPLEMENTED};

/// Bytes before a message.
pub const PREFIX: usize = 5;

/// Reads the one message of a unary call.
pub async fn read<B>(body: &mut B, limit: usize) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut whole = next(body).await?.unwrap_or_default();
    if whole.len() >= PREFIX {
        length(&whole, limit)?;
    }
    if !body.is_end_stream() {
        // Several chunks, or the end of the stream comes by itself.
        let mut all: Option<BytesMut> = None;
        while let Some(chunk) = next(body).await? {
            let all = all.get_or_insert_with(|| BytesMut::from(&whole[..]));
            all.extend_from_slice(&chunk);
            if all.len() > limit.saturating_add(PREFIX) {
                return Err(too_large(limit));
            }
        }
        if let Some(all) = all {
            whole = all.freeze();
        }
    }
    if whole.len() < PREFIX {
        return Err(Failure::malformed("body", "has no gRPC message"));
    }
    let length = length(&whole, limit)?;
    match (whole[0], whole.len() - PREFIX) {
        (0, rest) if rest == length => Ok(whole.slice(PREFIX..)),
        (0, rest) if rest < length => Err(Failure::malformed("body", "ends within the message")),
        (0, _) => Err(Failure::malformed("body", "has more than one message")),
        (1, _) => Err(compressed()),
        _ => Err(Failure::malformed("body", "begins with an unknown flag")),
    }
}

/// A message with its prefix.
pub fn write(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    // A longer answer than 4 GiB cannot be made.
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(message);
    frame.freeze()
}

/// A client that compresses against what the server says it reads.
pub fn compressed() -> Failure {
    Failure::plain(
        UNIMPLEMENTED,
        "compressed requests are not supported; send identity",
    )
}

/// A message over the limit.
pub fn too_large(limit: usize) -> Failure {
    Refusal::new(Reason::MessageTooLarge)
        .with("limit_bytes", limit.to_string())
        .into()
}

fn length(prefixed: &[u8], limit: usize) -> Result<usize, Failure> {
    let length = prefixed[1..PREFIX]
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if length > limit {
        Err(too_large(limit))
    } else {
        Ok(length)
    }
}

async fn next<B>(body: &mut B) -> Result<Option<Bytes>, Failure>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        match body.frame().await {
            None => return Ok(None),
            // The stream was reset: nobody waits for the answer.
            Some(Err(_)) => return Err(Failure::malformed("body", "was not sent to its end")),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Watches messages that pass by, so that one that is too large is stopped at
/// its first byte.
pub struct Watch {
    limit: usize,
    /// What was seen of a prefix that came in pieces.
    prefix: [u8; PREFIX],
    seen: usize,
    /// Bytes of the current message still to come.
    left: usize,
}

impl Watch {
    /// A watch for the messages of one call.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            prefix: [0; PREFIX],
            seen: 0,
            left: 0,
        }
    }

    /// Looks at the next bytes of the stream.
    pub fn pass(&mut self, mut chunk: &[u8]) -> Result<(), Failure> {
        while !chunk.is_empty() {
            if self.left > 0 {
                let step = self.left.min(chunk.len());
                self.left -= step;
                chunk = &chunk[step..];
                continue;
            }
            let step = (PREFIX - self.seen).min(chunk.len());
            self.prefix[self.seen..self.seen + step].copy_from_slice(&chunk[..step]);
            self.seen += step;
            chunk = &chunk[step..];
            if self.seen == PREFIX {
                self.seen = 0;
                self.left = length(&self.prefix, self.limit)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn chunks(parts: &[&[u8]]) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
        let frames: Vec<_> = parts
            .iter()
            .map(|part| Ok(http_body::Frame::data(Bytes::copy_from_slice(part))))
            .collect();
        StreamBody::new(tokio_stream::iter(frames))
    }

    fn code_of(result: Result<Bytes, Failure>) -> i32 {
        result.unwrap_err().code()
    }

    #[tokio::test]
    async fn a_message_in_one_chunk_is_read_without_its_prefix() {
        let message = read(&mut Full::new(write(b"hello")), 100).await.unwrap();
        assert_eq!(&message[..], b"hello");
    }

    #[tokio::test]
    async fn a_message_in_pieces_is_put_together() {
        let mut body = chunks(&[&[0, 0], &[0, 0, 5, b'h', b'e'], b"llo"]);
        assert_eq!(&read(&mut body, 100).await.unwrap()[..], b"hello");
    }

    #[tokio::test]
    async fn frames_that_lie_are_refused() {
        for body in [
            &b""[..],
            b"\0\0",
            b"\0\0\0\0\x05hell",
            b"\0\0\0\0\x01ab",
            b"\x07\0\0\0\0",
        ] {
            assert_eq!(
                code_of(read(&mut chunks(&[body]), 100).await),
                3,
                "{body:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_message_over_the_limit_is_refused_by_its_prefix_and_by_its_size() {
        assert_eq!(
            code_of(read(&mut chunks(&[b"\0\xff\xff\xff\xff"]), 100).await),
            8
        );
        let long = [7; 60];
        assert_eq!(
            code_of(read(&mut chunks(&[b"\0\0\0\0\x50", &long, &long]), 100).await),
            8
        );
    }

    #[tokio::test]
    async fn a_compressed_message_is_not_supported() {
        assert_eq!(
            code_of(read(&mut chunks(&[b"\x01\0\0\0\x01a"]), 100).await),
            UNIMPLEMENTED
        );
    }

    #[test]
    fn a_watch_sees_every_message_whatever_the_chunks() {
        let stream: Vec<u8> = [write(b"hello"), write(b""), write(&[1; 30])].concat();
        for size in 1..stream.len() {
            let mut watch = Watch::new(30);
            assert!(stream.chunks(size).all(|chunk| watch.pass(chunk).is_ok()));
            let mut watch = Watch::new(29);
            assert!(!stream.chunks(size).all(|chunk| watch.pass(chunk).is_ok()));
        }
    }
}
