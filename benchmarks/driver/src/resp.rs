//! The store's protocol (RESP2): prepared commands, pipelined; answers in order.

use crate::protocol::{Answer, Failure, Protocol, Status};

/// State of one connection to the store.
pub struct Resp {
    keep_bodies: bool,
    sent: u32,
    answered: u32,
}

impl Resp {
    /// A fresh connection.
    pub fn new(keep_bodies: bool) -> Self {
        Self {
            keep_bodies,
            sent: 0,
            answered: 0,
        }
    }
}

impl Protocol for Resp {
    fn open(&mut self, _out: &mut Vec<u8>) {}

    fn is_open(&self) -> bool {
        true
    }

    fn send(&mut self, body: &[u8], out: &mut Vec<u8>) -> u32 {
        out.extend_from_slice(body);
        self.sent += 1;
        self.sent - 1
    }

    fn receive(
        &mut self,
        input: &[u8],
        _out: &mut Vec<u8>,
        done: &mut Vec<Answer>,
    ) -> Result<usize, Failure> {
        let mut used = 0;
        while let Some(end) = value_end(input, used)? {
            done.push(Answer {
                token: self.answered,
                status: if input[used] == b'-' {
                    Status::Error
                } else {
                    Status::Value
                },
                body: if self.keep_bodies {
                    input[used..end].to_vec()
                } else {
                    Vec::new()
                },
            });
            self.answered += 1;
            used = end;
        }
        Ok(used)
    }
}

/// Where the value that starts at `at` ends; `None` while it is not whole.
fn value_end(input: &[u8], at: usize) -> Result<Option<usize>, Failure> {
    // Values still to be read: an array adds its elements, so no recursion.
    let mut left: usize = 1;
    let mut at = at;
    while left > 0 {
        let Some(line) = input
            .get(at..)
            .and_then(|rest| rest.windows(2).position(|w| w == b"\r\n"))
        else {
            return Ok(None);
        };
        let kind = input[at];
        let number = || {
            std::str::from_utf8(&input[at + 1..at + line])
                .ok()
                .and_then(|text| text.parse::<i64>().ok())
                .ok_or_else(|| Failure::Peer("a length of the store that is no number".into()))
        };
        left -= 1;
        let next = at + line + 2;
        at = match kind {
            b'+' | b'-' | b':' => next,
            b'$' => usize::try_from(number()?).map_or(next, |length| next + length + 2),
            b'*' => {
                left += usize::try_from(number()?).unwrap_or(0);
                next
            }
            other => return Err(Failure::Peer(format!("store answer of kind {other}"))),
        };
        if at > input.len() {
            return Ok(None);
        }
    }
    Ok(Some(at))
}

#[cfg(test)]
mod tests {
    use super::value_end;

    #[test]
    fn values_end_where_the_protocol_says() {
        for whole in [
            "+OK\r\n",
            ":5\r\n",
            "$3\r\nabc\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*2\r\n:1\r\n*1\r\n$2\r\nab\r\n",
        ] {
            let bytes = whole.as_bytes();
            assert_eq!(
                value_end(bytes, 0).expect(whole),
                Some(bytes.len()),
                "{whole}"
            );
            for cut in 0..bytes.len() {
                assert_eq!(
                    value_end(&bytes[..cut], 0).expect(whole),
                    None,
                    "{whole} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn unknown_kinds_are_refused() {
        assert!(value_end(b"?1\r\n", 0).is_err());
    }
}
