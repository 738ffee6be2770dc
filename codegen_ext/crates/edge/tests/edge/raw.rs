//! What no well-behaved client sends, over a bare HTTP/2 connection.

use crate::support::{Edge, GET_CAMPAIGN, KEY, REDEEM, Text, eventually, text};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use promo_edge::{EdgeConfig, config::Limits};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};

struct Raw {
    sender: SendRequest<Full<Bytes>>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: Option<HeaderMap>,
}

impl Answer {
    /// `grpc-status`, wherever it is.
    fn code(&self) -> &str {
        let trailers = self.trailers.as_ref().unwrap_or(&self.headers);
        trailers
            .get("grpc-status")
            .map_or("none", |value| value.to_str().unwrap())
    }
}

impl Raw {
    async fn connect(edge: &Edge) -> Self {
        let stream = TcpStream::connect(edge.server.address()).await.unwrap();
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        let response = self.sender.send_request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned();
        let (status, headers) = (parts.status, parts.headers);
        Answer {
            status,
            headers,
            body: collected.to_bytes(),
            trailers,
        }
    }
}

fn request(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("http://edge{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", KEY)
        .body(Full::new(body.into()))
        .unwrap()
}

fn framed(message: &Text) -> Bytes {
    let encoded = message.encode_to_vec();
    let length = u32::try_from(encoded.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &encoded].concat().into()
}

#[tokio::test]
async fn an_answer_has_frame_and_trailers_as_the_protocol_says() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let mut raw = Raw::connect(&edge).await;
    let answer = raw.send(request(REDEEM, framed(&text("hi")))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/grpc");
    assert_eq!(answer.body, framed(&text(&format!("{REDEEM} hi"))));
    assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
    assert!(!answer.headers.contains_key("grpc-status"));
}

#[tokio::test]
async fn an_error_is_nothing_but_headers() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let mut raw = Raw::connect(&edge).await;
    let answer = raw.send(request(REDEEM, framed(&text("refuse")))).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    assert!(answer.trailers.is_none());
    assert_eq!(answer.headers["grpc-status"], "5");
    assert_eq!(
        answer.headers["grpc-message"],
        "there is no code 50 %25 f%C3%BCr dich"
    );
    assert!(
        !answer.headers["grpc-status-details-bin"]
            .to_str()
            .unwrap()
            .contains('=')
    );
}

#[tokio::test]
async fn bad_frames_get_a_reason_and_the_connection_goes_on() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let mut raw = Raw::connect(&edge).await;
    for (body, code) in [
        (&b""[..], "3"),
        (b"\0\0\0", "3"),
        (b"\0\0\0\0\x09hi", "3"),
        (b"\0\0\0\0\x01hi", "3"),
        (b"\x02\0\0\0\x02hi", "3"),
        (b"\0\xff\xff\xff\xffhi", "8"),
        (b"\x01\0\0\0\x02hi", "12"),
    ] {
        assert_eq!(
            raw.send(request(REDEEM, body)).await.code(),
            code,
            "{body:?}"
        );
    }
    assert_eq!(
        raw.send(request(REDEEM, framed(&text("hi")))).await.code(),
        "0"
    );
}

#[tokio::test]
async fn compression_is_refused_with_what_is_accepted() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let mut raw = Raw::connect(&edge).await;
    let mut compressed = request(REDEEM, framed(&text("hi")));
    compressed
        .headers_mut()
        .insert("grpc-encoding", "gzip".parse().unwrap());
    let answer = raw.send(compressed).await;
    assert_eq!(answer.code(), "12");
    assert_eq!(answer.headers["grpc-accept-encoding"], "identity");
    let mut identity = request(REDEEM, framed(&text("hi")));
    identity
        .headers_mut()
        .insert("grpc-encoding", "identity".parse().unwrap());
    assert_eq!(raw.send(identity).await.code(), "0");
}

#[tokio::test]
async fn what_is_not_grpc_is_told_so_in_http() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let mut raw = Raw::connect(&edge).await;
    let mut json = request(REDEEM, "{}");
    json.headers_mut()
        .insert("content-type", "application/json".parse().unwrap());
    assert_eq!(
        raw.send(json).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let mut get = request(REDEEM, "");
    *get.method_mut() = http::Method::GET;
    assert_eq!(raw.send(get).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_timeout_that_makes_no_sense_is_refused() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let mut raw = Raw::connect(&edge).await;
    for path in [REDEEM, GET_CAMPAIGN] {
        let mut odd = request(path, framed(&text("hi")));
        odd.headers_mut()
            .insert("grpc-timeout", "soon".parse().unwrap());
        let answer = raw.send(odd).await;
        // A managed method fails earlier: this server has no control plane.
        assert_eq!(answer.code(), if path == REDEEM { "3" } else { "14" });
    }
}

#[tokio::test]
async fn odd_paths_and_headers_do_no_harm() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let mut raw = Raw::connect(&edge).await;
    for path in [
        "/",
        "//",
        "/grpc.nothing/X",
        "/promo.v1.RedemptionService/",
        "/%00",
        "/?a=b",
    ] {
        assert_eq!(
            raw.send(request(path, framed(&text("hi")))).await.code(),
            "12",
            "{path}"
        );
    }
    let long = format!("/{}", "x".repeat(5_000));
    let answer = raw.send(request(&long, framed(&text("hi")))).await;
    assert!(
        answer.headers["grpc-message"].len() < 300,
        "what callers send is not sent back whole"
    );
    let mut binary = request(REDEEM, framed(&text("hi")));
    let value = http::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    binary.headers_mut().insert("authorization", value);
    assert_eq!(raw.send(binary).await.code(), "16");
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_at_the_deadline() {
    let limits = Limits {
        default_deadline_ms: 100,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..EdgeConfig::default()
    })
    .await;
    let stream = TcpStream::connect(edge.server.address()).await.unwrap();
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let (chunks, receiver) = tokio::sync::mpsc::channel(1);
    chunks
        .send(Bytes::from_static(b"\0\0\0\0\x09h"))
        .await
        .unwrap();
    let body = StreamBody::new(
        ReceiverStream::new(receiver).map(|chunk| Ok::<_, std::io::Error>(Frame::data(chunk))),
    );
    let request = request(REDEEM, "").map(|_| body);
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");
    drop(chunks);
}

#[tokio::test]
async fn noise_on_the_port_is_dropped_and_others_go_on() {
    let edge = Edge::start(EdgeConfig::default()).await;
    for noise in [
        &b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..],
        &[0xff; 500],
        b"PRI * HTTP/2.0\r\n\r\nXX",
    ] {
        let mut stream = TcpStream::connect(edge.server.address()).await.unwrap();
        stream.write_all(noise).await.unwrap();
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        tokio::time::timeout(std::time::Duration::from_secs(5), read)
            .await
            .unwrap()
            .ok();
    }
    assert!(edge.client().await.unary(REDEEM, "x").await.is_ok());
}

#[tokio::test]
async fn connections_over_the_limit_are_dropped() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..EdgeConfig::default()
    })
    .await;
    let client = edge.client().await;
    client.unary(REDEEM, "x").await.unwrap();
    let mut second = TcpStream::connect(edge.server.address()).await.unwrap();
    assert!(matches!(second.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    client.unary(REDEEM, "x").await.unwrap();
    assert!(edge.layer.metrics().contains("promo_edge_connections 1"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_brings_no_call_is_ended() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let mut streams = Vec::new();
    for greeting in [
        &b""[..],
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let mut stream = TcpStream::connect(edge.server.address()).await.unwrap();
        stream.write_all(greeting).await.unwrap();
        streams.push(stream);
    }
    for mut stream in streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
    }
    eventually(async || edge.layer.metrics().contains("promo_edge_connections 0")).await;
}

#[tokio::test(start_paused = true)]
async fn no_deadline_lets_a_body_that_never_comes_hold_its_place() {
    let edge = Edge::start(EdgeConfig::default()).await;
    for path in [
        REDEEM,
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    ] {
        let stream = TcpStream::connect(edge.server.address()).await.unwrap();
        let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let (chunks, receiver) =
            tokio::sync::mpsc::channel::<Result<Frame<Bytes>, std::io::Error>>(1);
        let body = StreamBody::new(ReceiverStream::new(receiver));
        let mut request = request(path, "").map(|_| body);
        let long = http::HeaderValue::from_static("99999999S");
        request.headers_mut().insert("grpc-timeout", long);
        let answer = sender.send_request(request);
        let longest = std::time::Duration::from_secs(61);
        let response = tokio::time::timeout(longest, answer).await;
        let response = response.unwrap_or_else(|_| panic!("{path} has no end"));
        assert_eq!(response.unwrap().headers()["grpc-status"], "4", "{path}");
        drop(chunks);
    }
}
