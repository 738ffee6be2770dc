//! Calls that the control plane answers, through the edge.

use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use crate::support::{
    Client, EXPORT, Edge, GET_CAMPAIGN, KEY, Place, REDEEM, Text, control::Control, eventually,
    reason, text, with_control,
};
use promo_edge::{EdgeConfig, config::Limits};
use prost::Message;
use tonic::{Code, Status};

async fn answers(client: &Client) -> bool {
    client.unary(GET_CAMPAIGN, "x").await.is_ok()
}

fn assert_unavailable(status: &Status) {
    let expected = (Code::Unavailable, "CONTROL_PLANE_UNAVAILABLE");
    assert_eq!((status.code(), reason(status).as_str()), expected);
}

#[tokio::test]
async fn the_control_plane_is_told_who_calls_and_only_by_the_edge() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    let edge = Edge::start(with_control(&place.socket())).await;
    let client = edge.client().await;
    let mut request = tonic::Request::new(text("who"));
    let metadata = request.metadata_mut();
    for (name, value) in [
        ("authorization", KEY),
        ("promo-admin", "true"),
        ("promo-project", "other"),
        ("promo-anything", "x"),
        ("promo-call-id", "mine"),
        ("x-trace", "7"),
    ] {
        metadata.insert(name, value.parse().unwrap());
    }
    metadata.insert_bin(
        "x-blob-bin",
        tonic::metadata::MetadataValue::from_bytes(b"\x01\x02"),
    );
    let mut grpc = tonic::client::Grpc::new(client.channel.clone());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<Text, Text>::default();
    let path = http::uri::PathAndQuery::from_static(GET_CAMPAIGN);
    let answer = grpc
        .unary(request, path, codec)
        .await
        .unwrap()
        .into_inner()
        .text;
    for line in [
        "promo-key-id=shop",
        "promo-project=pr0ject1",
        "promo-scopes=campaigns.read,redemptions.write",
        "promo-admin=false",
        "call ids 1",
        "x-trace=7",
        "x-blob-bin=AQI",
    ] {
        assert!(
            answer.lines().any(|found| found == line),
            "{line} in {answer}"
        );
    }
    assert!(
        !answer.contains("secret") && !answer.contains("promo-anything"),
        "{answer}"
    );
}

#[tokio::test]
async fn status_details_and_trailers_pass_through() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    let edge = Edge::start(with_control(&place.socket())).await;
    let status = edge
        .client()
        .await
        .unary(GET_CAMPAIGN, "refuse")
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::FailedPrecondition, "für dich")
    );
    assert_eq!(status.details(), b"\x08\x09\x12\x02no");
    assert_eq!(status.metadata().get("x-more").unwrap(), "yes");
    assert!(
        edge.layer
            .metrics()
            .contains("code=\"FAILED_PRECONDITION\"} 1")
    );
}

#[tokio::test]
async fn a_stream_passes_through_with_its_end() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    let edge = Edge::start(with_control(&place.socket())).await;
    let mut stream = edge.client().await.stream(EXPORT, "500").await.unwrap();
    let mut count = 0;
    let end = loop {
        match stream.message().await {
            Ok(Some(message)) => {
                assert!(message.text.starts_with(&format!("{count} x")));
                count += 1;
            }
            Ok(None) => panic!("the stream ends with a status"),
            Err(status) => break status,
        }
    };
    assert_eq!(
        (count, end.code(), end.message()),
        (500, Code::Aborted, "that was it")
    );
}

#[tokio::test]
async fn a_slow_reader_slows_the_control_plane_down_and_cancelling_stops_it() {
    let place = Place::new();
    let control = Control::start(&place.socket());
    let edge = Edge::start(with_control(&place.socket())).await;
    let client = edge.client().await;
    let mut stream = client.stream(EXPORT, "1000000").await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let streamed = control.seen.streamed.load(SeqCst);
    assert!(
        streamed < 50_000,
        "{streamed} messages of 1 kB wait somewhere"
    );
    assert!(
        client.unary(GET_CAMPAIGN, "x").await.is_ok(),
        "others are not held up"
    );
    drop(stream);
    eventually(async || control.seen.cancelled.load(SeqCst) == 1).await;
    eventually(async || edge.layer.metrics().contains("calls_in_flight 0")).await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_nothing_after_its_deadline() {
    let place = Place::new();
    let control = Control::start(&place.socket());
    let edge = Edge::start(with_control(&place.socket())).await;
    let client = edge.client().await.within(Duration::from_millis(500));
    let unread = client.stream(EXPORT, "1000000").await.unwrap();
    assert!(edge.layer.metrics().contains("calls_in_flight 1"));
    eventually(async || edge.layer.metrics().contains("calls_in_flight 0")).await;
    eventually(async || control.seen.cancelled.load(SeqCst) == 1).await;
    drop(unread);
}

#[tokio::test]
async fn deadlines_pass_through() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    let edge = Edge::start(with_control(&place.socket())).await;
    let client = edge.client().await;
    let default = client.unary(GET_CAMPAIGN, "timeout").await.unwrap();
    let left: u64 = default.strip_suffix('m').unwrap().parse().unwrap();
    assert!((9_000..=10_100).contains(&left), "{default}");
    let patient = client.within(Duration::from_secs(60));
    let asked = patient.unary(GET_CAMPAIGN, "timeout").await.unwrap();
    let left: u64 = asked.strip_suffix('m').unwrap().parse().unwrap();
    assert!((59_000..=60_100).contains(&left), "{asked}");
}

#[tokio::test]
async fn a_deadline_ends_a_call_that_the_control_plane_does_not() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    let limits = Limits {
        default_deadline_ms: 1_000,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..with_control(&place.socket())
    })
    .await;
    let client = edge.client().await;
    let status = client.unary(GET_CAMPAIGN, "sleep").await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let mut stream = client.stream(EXPORT, "1000000").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    for _ in 0..5_000 {
        assert!(
            stream.message().await.unwrap().is_some(),
            "a stream has no default end"
        );
    }
    let hurried = client.within(Duration::from_millis(700));
    let mut stream = hurried.stream(EXPORT, "1000000").await.unwrap();
    let end = loop {
        match stream.message().await {
            Ok(message) => assert!(message.is_some()),
            Err(status) => break status,
        }
    };
    // The client's own clock may say so first, in its own words.
    assert!(
        matches!(end.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{end:?}"
    );
}

#[tokio::test]
async fn an_oversized_message_is_stopped_at_the_edge() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    let limits = Limits {
        message_bytes: 1_000,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..with_control(&place.socket())
    })
    .await;
    let client = edge.client().await;
    let status = client
        .unary(GET_CAMPAIGN, &"x".repeat(100_000))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "MESSAGE_TOO_LARGE");
    assert!(answers(&client).await);
}

#[tokio::test]
async fn a_control_plane_that_comes_goes_and_comes_again_never_stops_hot_calls() {
    let place = Place::new();
    let edge = Edge::start(with_control(&place.socket())).await;
    let client = edge.client().await;
    assert_unavailable(&client.unary(GET_CAMPAIGN, "x").await.unwrap_err());
    client.unary(REDEEM, "x").await.unwrap();

    let control = Control::start(&place.socket());
    assert!(
        answers(&client).await,
        "the first call after the start gets through"
    );

    let waiting = client.clone();
    let waiting = tokio::spawn(async move { waiting.unary(GET_CAMPAIGN, "sleep").await });
    eventually(async || edge.layer.metrics().contains("calls_in_flight 1")).await;
    drop(control);
    assert_unavailable(&waiting.await.unwrap().unwrap_err());
    assert_unavailable(&client.unary(GET_CAMPAIGN, "x").await.unwrap_err());
    client.unary(REDEEM, "x").await.unwrap();

    let _control = Control::start(&place.socket());
    eventually(async || answers(&client).await).await;
}

#[tokio::test]
async fn a_control_plane_that_hangs_is_found_out_and_forgiven() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    // The server's own deadline: that of a client would race with its answer.
    let limits = Limits {
        default_deadline_ms: 4_000,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..with_control(&place.socket())
    })
    .await;
    let client = edge.client().await;
    assert!(answers(&client).await);
    let hanging = client.within(Duration::from_secs(30));
    let hanging = tokio::spawn(async move { hanging.unary(GET_CAMPAIGN, "hang").await });
    tokio::time::sleep(Duration::from_millis(100)).await;

    // The hang is found out while this call waits.
    assert_unavailable(&client.unary(GET_CAMPAIGN, "x").await.unwrap_err());
    let began = Instant::now();
    assert_unavailable(&client.unary(GET_CAMPAIGN, "x").await.unwrap_err());
    client.unary(REDEEM, "x").await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "nobody waits by now"
    );

    eventually(async || answers(&client).await).await;
    let late = hanging.await.unwrap();
    assert_eq!(late.unwrap(), "hung", "a late answer is still an answer");
}

#[tokio::test]
async fn without_a_socket_managed_methods_are_unavailable() {
    let edge = Edge::start(EdgeConfig::default()).await;
    assert_unavailable(
        &edge
            .client()
            .await
            .unary(GET_CAMPAIGN, "x")
            .await
            .unwrap_err(),
    );
}

#[tokio::test]
async fn a_call_in_process_is_forwarded_too() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    let edge = Edge::start(with_control(&place.socket())).await;
    let mut metadata = http::HeaderMap::new();
    metadata.insert("authorization", KEY.parse().unwrap());
    let call = async |message: &str| {
        let body = bytes::Bytes::from(text(message).encode_to_vec());
        edge.layer
            .call(
                GET_CAMPAIGN,
                &metadata,
                body,
                Some(Duration::from_millis(300)),
                None,
            )
            .await
    };
    let answer = Text::decode(call("hi").await.unwrap()).unwrap();
    assert_eq!(answer.text, "managed hi");
    let failure = call("refuse").await.unwrap_err();
    assert_eq!(
        (failure.code(), failure.status().message.as_str()),
        (9, "für dich")
    );
    assert_eq!(
        call("sleep").await.unwrap_err().code(),
        Code::DeadlineExceeded as i32
    );
}
