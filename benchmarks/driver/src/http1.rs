//! HTTP/1.1 on kept-alive connections, one call in flight each: `POST` of JSON, or
//! `GET` of addresses.

use crate::protocol::{Answer, Failure, Protocol, Status};

/// State of one HTTP/1.1 connection.
pub struct Http1 {
    head: String,
    method: Method,
    path: String,
    keep_bodies: bool,
    sent: u32,
    answered: u32,
}

/// What a prepared body is.
#[derive(Clone, Copy)]
pub enum Method {
    /// JSON to send.
    Post,
    /// Path and query of what to get, behind the path that all calls share.
    Get,
}

impl Http1 {
    /// Calls `path`.
    pub fn new(
        method: Method,
        path: &str,
        host: &str,
        authorization: Option<&str>,
        keep_bodies: bool,
    ) -> Self {
        let authorization =
            authorization.map_or_else(String::new, |value| format!("authorization: {value}\r\n"));
        let head = match method {
            Method::Post => format!(
                "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{authorization}content-length: "
            ),
            Method::Get => format!(" HTTP/1.1\r\nhost: {host}\r\n{authorization}\r\n"),
        };
        let path = path.to_owned();
        Self {
            head,
            method,
            path,
            keep_bodies,
            sent: 0,
            answered: 0,
        }
    }
}

impl Protocol for Http1 {
    fn open(&mut self, _out: &mut Vec<u8>) {}

    fn is_open(&self) -> bool {
        true
    }

    fn send(&mut self, body: &[u8], out: &mut Vec<u8>) -> u32 {
        match self.method {
            Method::Post => {
                out.extend_from_slice(self.head.as_bytes());
                out.extend_from_slice(body.len().to_string().as_bytes());
                out.extend_from_slice(b"\r\n\r\n");
                out.extend_from_slice(body);
            }
            Method::Get => {
                out.extend_from_slice(b"GET ");
                out.extend_from_slice(self.path.as_bytes());
                out.extend_from_slice(body);
                out.extend_from_slice(self.head.as_bytes());
            }
        }
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
        while let Some((status, body_at, end)) = split_answer(&input[used..])? {
            let body = &input[used + body_at..used + end];
            done.push(Answer {
                token: self.answered,
                status: Status::Http(status),
                body: if self.keep_bodies {
                    body.to_vec()
                } else {
                    Vec::new()
                },
            });
            self.answered += 1;
            used += end;
        }
        Ok(used)
    }
}

/// Status, start and end of the body of the first whole answer.
fn split_answer(input: &[u8]) -> Result<Option<(u32, usize, usize)>, Failure> {
    let Some(head_end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let malformed = || Failure::Peer("an answer that is not HTTP/1.1 with a content-length".into());
    let head = std::str::from_utf8(&input[..head_end]).map_err(|_| malformed())?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .ok_or_else(malformed)?;
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(malformed)?;
    let body_at = head_end + 4;
    Ok((input.len() >= body_at + length).then_some((status, body_at, body_at + length)))
}

#[cfg(test)]
mod tests {
    use super::{Http1, Method, split_answer};
    use crate::protocol::{Protocol, Status};

    #[test]
    fn an_answer_in_two_pieces_is_read_once_it_is_whole() {
        let mut http = Http1::new(Method::Post, "/redeem", "localhost", None, true);
        let mut out = Vec::new();
        assert_eq!(http.send(b"{}", &mut out), 0);
        assert!(out.ends_with(b"content-length: 2\r\n\r\n{}"));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        let mut done = Vec::new();
        assert_eq!(
            http.receive(&answer[..30], &mut out, &mut done)
                .expect("partial"),
            0
        );
        assert_eq!(
            http.receive(answer, &mut out, &mut done).expect("whole"),
            answer.len()
        );
        assert_eq!(done[0].status, Status::Http(200));
        assert_eq!(done[0].body, b"abc");
    }

    #[test]
    fn what_is_got_stands_behind_the_shared_path() {
        let mut http = Http1::new(
            Method::Get,
            "/create?campaign=1",
            "h:1",
            Some("Basic x"),
            false,
        );
        let mut out = Vec::new();
        http.send(b"&customer=2", &mut out);
        assert_eq!(
            out,
            b"GET /create?campaign=1&customer=2 HTTP/1.1\r\nhost: h:1\r\nauthorization: Basic x\r\n\r\n"
        );
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        assert!(split_answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
