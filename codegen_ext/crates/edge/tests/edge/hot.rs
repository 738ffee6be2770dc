//! Calls that the engine answers, from a real client over a real socket.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use crate::support::{
    Edge, GET_CAMPAIGN, KEY, PUBLISH, REDEEM, Text, eventually, reason, retry_after, text,
};
use promo_edge::{EdgeConfig, Failure, config::Limits};
use prost::Message;
use tonic::Code;

#[tokio::test]
async fn a_hot_call_is_answered_by_the_engine() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let client = edge.client().await;
    assert_eq!(
        client.unary(REDEEM, "hello").await.unwrap(),
        format!("{REDEEM} hello")
    );
    let labels = format!("method=\"{REDEEM}\",code=\"OK\"");
    assert!(
        edge.layer
            .metrics()
            .contains(&format!("promo_edge_calls_total{{{labels}}} 1"))
    );
    assert!(
        edge.layer
            .metrics()
            .contains("promo_edge_calls_in_flight 0")
    );
}

#[tokio::test]
async fn a_large_message_goes_both_ways() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let client = edge.client().await;
    let long = "x".repeat(3_000_000);
    assert_eq!(
        client.unary(REDEEM, &long).await.unwrap().len(),
        REDEEM.len() + 1 + long.len()
    );
}

#[tokio::test]
async fn a_refusal_arrives_with_reason_and_metadata() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let status = edge
        .client()
        .await
        .unary(REDEEM, "refuse")
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), "there is no code 50 % für dich");
    assert_eq!(reason(&status), "CODE_NOT_FOUND");
}

#[tokio::test]
async fn a_caller_needs_a_key_and_the_scope() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let client = edge.client().await;
    let none = client.with_key(None).unary(REDEEM, "x").await.unwrap_err();
    assert_eq!(
        (none.code(), reason(&none).as_str()),
        (Code::Unauthenticated, "CREDENTIALS_MISSING")
    );
    let wrong = client
        .with_key(Some("Bearer a:b"))
        .unary(REDEEM, "x")
        .await
        .unwrap_err();
    assert_eq!(reason(&wrong), "CREDENTIALS_INVALID");
    let scope = client.unary(PUBLISH, "x").await.unwrap_err();
    assert_eq!(
        (scope.code(), reason(&scope).as_str()),
        (Code::PermissionDenied, "SCOPE_MISSING")
    );
    assert_eq!(
        scope.message(),
        "the key lacks the scope publications.write"
    );
}

#[tokio::test]
async fn a_peer_that_guesses_is_refused_unseen_and_its_neighbours_are_not() {
    let limits = Limits {
        failed_authentications_per_peer: 5,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..EdgeConfig::default()
    })
    .await;
    let client = edge.client().await;
    client.unary(REDEEM, "x").await.unwrap();
    let guesser = client.with_key(Some("Bearer a:b"));
    for _ in 0..5 {
        assert_eq!(
            reason(&guesser.unary(REDEEM, "x").await.unwrap_err()),
            "CREDENTIALS_INVALID"
        );
    }
    let asked = edge.plane.authentications.load(SeqCst);
    let refused = guesser.unary(REDEEM, "x").await.unwrap_err();
    assert_eq!(reason(&refused), "KEY_GUESSING");
    assert_eq!(retry_after(&refused), Some(Duration::from_secs(1)));
    assert_eq!(
        edge.plane.authentications.load(SeqCst),
        asked,
        "the engine was not asked"
    );
    client.unary(REDEEM, "x").await.unwrap();
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_named() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let client = edge.client().await;
    let status = client
        .unary("/promo.v1.RedemptionService/Steal", "x")
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unimplemented, "METHOD_NOT_FOUND")
    );
    assert!(
        edge.layer
            .metrics()
            .contains("promo_edge_unknown_methods_total 1")
    );
    assert!(
        !edge.layer.metrics().contains("Steal"),
        "labels come from the table only"
    );
}

#[tokio::test]
async fn a_deadline_ends_the_call_with_or_without_the_client_saying_so() {
    let limits = Limits {
        default_deadline_ms: 50,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..EdgeConfig::default()
    })
    .await;
    let client = edge.client().await;
    let status = client.unary(REDEEM, "sleep").await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::DeadlineExceeded, "DEADLINE_TOO_SHORT")
    );
    let patient = client.within(Duration::from_secs(5));
    assert_eq!(patient.unary(REDEEM, "sleep").await.unwrap(), "slept");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let limits = Limits {
        message_bytes: 1_000,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..EdgeConfig::default()
    })
    .await;
    let client = edge.client().await;
    let status = client
        .unary(REDEEM, &"x".repeat(2_000_000))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "MESSAGE_TOO_LARGE");
    assert_eq!(status.message(), "the message has more than 1000 bytes");
    assert!(
        client.unary(REDEEM, "small").await.is_ok(),
        "the connection lives on"
    );
}

#[tokio::test]
async fn a_full_server_refuses_and_says_when_to_come_back() {
    let limits = Limits {
        calls_in_flight: 2,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..EdgeConfig::default()
    })
    .await;
    let client = edge.client().await;
    let (first, second) = (client.clone(), client.clone());
    let first = tokio::spawn(async move { first.unary(REDEEM, "sleep").await });
    let second = tokio::spawn(async move { second.unary(REDEEM, "sleep").await });
    eventually(async || edge.layer.metrics().contains("calls_in_flight 2")).await;
    let status = client.unary(REDEEM, "x").await.unwrap_err();
    assert_eq!(reason(&status), "OVERLOADED");
    assert!(retry_after(&status).is_some());
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    assert!(client.unary(REDEEM, "x").await.is_ok());
}

#[tokio::test]
async fn a_fault_of_ours_is_an_internal_error_that_names_the_call() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let client = edge.client().await;
    for fault in ["fault", "panic"] {
        let status = client.unary(REDEEM, fault).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Internal, "INTERNAL")
        );
        let quoted = status.message().strip_prefix("internal error; quote ");
        assert!(quoted.is_some_and(|id| !id.starts_with('{')), "{status:?}");
    }
    assert!(
        client.unary(REDEEM, "x").await.is_ok(),
        "the connection lives on"
    );
}

#[tokio::test]
async fn a_call_in_process_is_admitted_like_one_from_the_network() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let mut metadata = http::HeaderMap::new();
    let body = || bytes::Bytes::from(text("hi").encode_to_vec());
    let call = async |path: &str, metadata: &http::HeaderMap| {
        edge.layer.call(path, metadata, body(), None, None).await
    };
    let reason_of = |failure: Failure| failure.status().message.clone();
    let refused = call(REDEEM, &metadata).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated as i32);
    metadata.insert("authorization", KEY.parse().unwrap());
    let answer = Text::decode(call(REDEEM, &metadata).await.unwrap()).unwrap();
    assert_eq!(answer.text, format!("{REDEEM} hi"));
    assert_eq!(
        reason_of(call(PUBLISH, &metadata).await.unwrap_err()),
        "the key lacks the scope publications.write"
    );
    assert_eq!(
        call("/x", &metadata).await.unwrap_err().code(),
        Code::Unimplemented as i32
    );
    metadata.insert("grpc-timeout", "soon".parse().unwrap());
    assert_eq!(
        call(REDEEM, &metadata).await.unwrap_err().code(),
        Code::InvalidArgument as i32
    );
}

#[tokio::test]
async fn wrong_keys_count_against_the_address_that_a_call_in_process_is_made_for() {
    let limits = Limits {
        failed_authentications_per_peer: 3,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..EdgeConfig::default()
    })
    .await;
    let call = async |path: &str, key: &str, peer: &str| {
        let mut metadata = http::HeaderMap::new();
        metadata.insert("authorization", key.parse().unwrap());
        let peer = Some(peer.parse().unwrap());
        let body = bytes::Bytes::from(text("hi").encode_to_vec());
        let answer = edge.layer.call(path, &metadata, body, None, peer).await;
        answer.map_err(|failure| failure.code())
    };
    let (guesser, shop) = ("192.0.2.7", "192.0.2.8");
    for path in [REDEEM, PUBLISH, REDEEM] {
        let refused = call(path, "Bearer shop:guess", guesser).await;
        assert_eq!(refused, Err(Code::Unauthenticated as i32));
    }
    let heard = edge.layer.plane().authentications.load(SeqCst);
    assert_eq!(
        call(REDEEM, "Bearer shop:guess", guesser).await,
        Err(Code::ResourceExhausted as i32)
    );
    assert_eq!(
        call(GET_CAMPAIGN, "Bearer shop:guess", guesser).await,
        Err(Code::Unavailable as i32),
        "without a control plane nobody is asked for a key"
    );
    assert_eq!(edge.layer.plane().authentications.load(SeqCst), heard);
    assert!(call(REDEEM, KEY, shop).await.is_ok());
    assert!(
        call(REDEEM, KEY, guesser).await.is_ok(),
        "the key has worked"
    );
}

#[tokio::test]
async fn a_cancelled_call_is_counted_and_forgotten() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let client = edge.client().await;
    let call = tokio::spawn(async move { client.unary(REDEEM, "sleep").await });
    eventually(async || edge.layer.metrics().contains("calls_in_flight 1")).await;
    call.abort();
    eventually(async || edge.layer.metrics().contains("calls_in_flight 0")).await;
    assert!(edge.layer.metrics().contains("code=\"CANCELLED\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn one_key_leaves_a_quarter_of_the_calls_in_flight_to_others() {
    let limits = Limits {
        calls_in_flight: 4,
        ..Limits::default()
    };
    let edge = Edge::start(EdgeConfig {
        limits,
        ..EdgeConfig::default()
    })
    .await;
    let mut metadata = http::HeaderMap::new();
    metadata.insert("authorization", KEY.parse().unwrap());
    let call = async |message: &str| {
        let body = bytes::Bytes::from(text(message).encode_to_vec());
        edge.layer.call(REDEEM, &metadata, body, None, None).await
    };
    let (first, second, third, refused) =
        tokio::join!(call("sleep"), call("sleep"), call("sleep"), call("x"));
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(
        refused.unwrap_err().status().message,
        "no more than 3 such calls are taken at a time"
    );
    assert!(call("x").await.is_ok());
}
