//! Calls per second of a key, also when several servers share the store.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, SystemTime},
};

use crate::support::{Edge, KEY, REDEEM, TinyPlane, reason, retry_after, text};
use promo_edge::{CallLayer, EdgeConfig, config::Limits};
use prost::Message;

fn limited(limit: u64) -> EdgeConfig {
    let limits = Limits {
        calls_per_second_per_key: limit,
        ..Limits::default()
    };
    EdgeConfig {
        limits,
        ..EdgeConfig::default()
    }
}

/// Calls as fast as it can until a time; returns how many got through.
async fn hammer(layer: &CallLayer<TinyPlane>, end: SystemTime) -> u64 {
    let mut metadata = http::HeaderMap::new();
    metadata.insert("authorization", KEY.parse().unwrap());
    let body = bytes::Bytes::from(text("x").encode_to_vec());
    let mut passed = 0;
    while SystemTime::now() < end {
        match layer
            .call(REDEEM, &metadata, body.clone(), None, None)
            .await
        {
            Ok(_) => passed += 1,
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    passed
}

#[tokio::test]
async fn a_key_over_its_limit_is_told_when_to_come_back() {
    let edge = Edge::start(limited(3)).await;
    let client = edge.client().await;
    let mut refused = None;
    // Seconds may turn over while the first calls are made.
    for _ in 0..12 {
        if let Err(status) = client.unary(REDEEM, "x").await {
            refused = Some(status);
            break;
        }
    }
    let status = refused.expect("a thirteenth call in a second");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (tonic::Code::ResourceExhausted, "RATE_LIMITED")
    );
    let delay = retry_after(&status).unwrap();
    assert!(delay <= Duration::from_secs(1));
    tokio::time::sleep(delay).await;
    assert!(client.unary(REDEEM, "x").await.is_ok());
}

#[tokio::test]
async fn a_batch_counts_as_its_requests() {
    let config = limited(1);
    let store = Arc::new(TinyPlane::default());
    let [one, other] = [(), ()].map(|()| CallLayer::new(Arc::clone(&store), None, &config));
    let mut metadata = http::HeaderMap::new();
    metadata.insert("authorization", KEY.parse().unwrap());
    let requests = bytes::Bytes::from([10, 0].repeat(1_000));
    let call = async |server: &CallLayer<TinyPlane>, path: &str| {
        let body = requests.clone();
        server.call(path, &metadata, body, None, None).await
    };
    call(&one, "/promo.v1.RedemptionService/BatchRedeem")
        .await
        .unwrap();
    let taken = store.taken.lock().unwrap().clone();
    assert_eq!((taken.len(), taken.values().sum()), (1_000, 1_000_u64));
    assert_eq!(
        taken.keys().max().unwrap() - taken.keys().min().unwrap(),
        999
    );
    // The thousand seconds after are used up, whatever server is asked.
    for server in [&one, &other] {
        let refused = call(server, REDEEM).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted as i32);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_share_a_limit_within_a_tenth() {
    const LIMIT: u64 = 2_000;
    let config = limited(LIMIT);
    let store = Arc::new(TinyPlane::default());
    let servers: Vec<_> = (0..3)
        .map(|_| Arc::new(CallLayer::new(Arc::clone(&store), None, &config)))
        .collect();
    // Starts with a second, and ends just before the fourth.
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs() + 1);
    while SystemTime::now() < begin {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let end = begin + Duration::from_millis(2_990);
    let hammers: Vec<_> = servers
        .into_iter()
        .map(|layer| tokio::spawn(async move { hammer(&layer, end).await }))
        .collect();
    let mut passed = 0;
    for hammer in hammers {
        passed += hammer.await.unwrap();
    }
    let allowed = LIMIT * 3;
    assert!(passed <= allowed + allowed / 10, "{passed} of {allowed}");
    assert!(
        passed >= allowed - allowed / 10,
        "{passed} of {allowed}: is the machine that slow?"
    );
    let leases = store.leases.load(SeqCst);
    assert!(leases < passed / 10, "{leases} leases for {passed} calls");
}

#[tokio::test]
async fn no_limit_asks_no_store() {
    let edge = Edge::start(limited(0)).await;
    assert!(hammer(&edge.layer, SystemTime::now() + Duration::from_millis(50)).await > 100);
    assert_eq!(edge.plane.leases.load(SeqCst), 0);
}
