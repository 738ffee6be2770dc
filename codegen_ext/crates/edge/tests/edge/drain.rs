//! How a server stops.

use std::time::{Duration, Instant};

use crate::support::{
    EXPORT, Edge, KEY, Place, REDEEM, control::Control, eventually, reason, with_control,
};
use promo_edge::EdgeConfig;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

#[tokio::test]
async fn a_call_in_flight_finishes_and_new_ones_are_refused() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let (client, address) = (edge.client().await, edge.server.address());
    let waiting = client.clone();
    let waiting = tokio::spawn(async move { waiting.unary(REDEEM, "sleep").await });
    eventually(async || edge.layer.metrics().contains("calls_in_flight 1")).await;
    let layer = std::sync::Arc::clone(&edge.layer);
    let began = Instant::now();
    let draining = tokio::spawn(async move { edge.server.drain(Duration::from_secs(5)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut metadata = http::HeaderMap::new();
    metadata.insert("authorization", KEY.parse().unwrap());
    let refused = layer
        .call(REDEEM, &metadata, bytes::Bytes::new(), None, None)
        .await
        .unwrap_err();
    assert_eq!(refused.status().message, "the server is shutting down");
    assert_eq!(waiting.await.unwrap().unwrap(), "slept");
    draining.await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens"
    );
}

#[tokio::test]
async fn a_call_on_a_connection_that_stays_is_told_that_the_server_stops() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let client = edge.client().await;
    edge.layer.refuse_new_calls();
    let status = client.unary(REDEEM, "x").await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "DRAINING")
    );
}

#[tokio::test]
async fn health_flips_for_those_who_watch() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let channel = edge.client().await.channel;
    let request = HealthCheckRequest {
        service: "promo.v1.RedemptionService".to_owned(),
    };
    let mut health = HealthClient::new(channel);
    let mut serving = health.clone();
    eventually(async || serving.check(request.clone()).await.is_ok()).await;
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );
    let waiting = edge.client().await;
    let waiting = tokio::spawn(async move { waiting.unary(REDEEM, "sleep").await });
    eventually(async || edge.layer.metrics().contains("calls_in_flight 1")).await;
    let draining = tokio::spawn(async move { edge.server.drain(Duration::from_secs(5)).await });
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::NotServing
    );
    assert!(waiting.await.unwrap().is_ok());
    draining.await.unwrap();
}

#[tokio::test]
async fn a_call_longer_than_the_grace_is_cut_off() {
    let place = Place::new();
    let control = Control::start(&place.socket());
    let edge = Edge::start(with_control(&place.socket())).await;
    let client = edge.client().await;
    let mut stream = client.stream(EXPORT, "1000000").await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    let began = Instant::now();
    edge.server.drain(Duration::from_millis(200)).await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    let seen = &control.seen.cancelled;
    eventually(async || seen.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let client = edge.client().await;
    client.unary(REDEEM, "x").await.unwrap();
    let began = Instant::now();
    edge.server.drain(Duration::from_secs(30)).await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}
