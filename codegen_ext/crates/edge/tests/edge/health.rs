//! Health and reflection, which need no key.

use std::sync::atomic::Ordering::SeqCst;

use crate::support::{
    Edge, Place, control::Control, eventually, reason, retry_after, with_control,
};
use promo_edge::EdgeConfig;
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{
    v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
    v1alpha,
};

const HOT: &str = "promo.v1.RedemptionService";
const MANAGED: &str = "promo.v1.CampaignService";

async fn serves(channel: &Channel, service: &str) -> bool {
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = HealthClient::new(channel.clone())
        .check(request)
        .await
        .unwrap();
    answer.into_inner().status() == ServingStatus::Serving
}

#[tokio::test]
async fn hot_services_are_as_healthy_as_the_store() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let channel = edge.client().await.channel;
    eventually(async || serves(&channel, "").await && serves(&channel, HOT).await).await;
    edge.plane.healthy.store(false, SeqCst);
    eventually(async || !serves(&channel, "").await && !serves(&channel, HOT).await).await;
    edge.plane.healthy.store(true, SeqCst);
    eventually(async || serves(&channel, "").await).await;
}

#[tokio::test]
async fn managed_services_are_as_healthy_as_the_control_plane() {
    let place = Place::new();
    let edge = Edge::start(with_control(&place.socket())).await;
    let channel = edge.client().await.channel;
    eventually(async || serves(&channel, "").await).await;
    assert!(!serves(&channel, MANAGED).await);
    let control = Control::start(&place.socket());
    eventually(async || serves(&channel, MANAGED).await).await;
    assert!(serves(&channel, "google.longrunning.Operations").await);
    assert!(
        edge.layer
            .metrics()
            .contains("promo_edge_control_plane_up 1")
    );
    drop(control);
    eventually(async || !serves(&channel, MANAGED).await).await;
    assert!(serves(&channel, "").await && serves(&channel, HOT).await);
}

#[tokio::test]
async fn an_unknown_service_is_not_found() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let request = HealthCheckRequest {
        service: "nonsense".to_owned(),
    };
    let mut health = HealthClient::new(edge.client().await.channel);
    assert_eq!(
        health.check(request).await.unwrap_err().code(),
        tonic::Code::NotFound
    );
}

#[tokio::test]
async fn a_watcher_hears_of_changes() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let channel = edge.client().await.channel;
    eventually(async || serves(&channel, HOT).await).await;
    let request = HealthCheckRequest {
        service: HOT.to_owned(),
    };
    let mut watch = HealthClient::new(channel)
        .watch(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );
    edge.plane.healthy.store(false, SeqCst);
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::NotServing
    );
}

#[tokio::test]
async fn no_peer_has_all_streams_and_one_that_has_its_part_can_still_check() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let channel = edge.client().await.channel;
    let mut watches = Vec::new();
    let refused = loop {
        let mut health = HealthClient::new(channel.clone());
        match health.watch(HealthCheckRequest::default()).await {
            Ok(watch) => watches.push(watch),
            Err(status) => break status,
        }
        assert!(watches.len() <= 256, "a peer's part has an end");
    };
    assert_eq!(reason(&refused), "OVERLOADED");
    assert!(retry_after(&refused).is_some());
    assert!(serves(&channel, "").await);
}

async fn ask(channel: &Channel, request: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(request),
    };
    let mut client = ServerReflectionClient::new(channel.clone());
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    answers
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap()
}

#[tokio::test]
async fn the_whole_surface_is_reflected_with_the_options_of_the_contract() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let channel = edge.client().await.channel;
    let MessageResponse::ListServicesResponse(list) =
        ask(&channel, MessageRequest::ListServices(String::new())).await
    else {
        panic!("a list was asked for");
    };
    let names: Vec<&str> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for name in [
        HOT,
        MANAGED,
        "google.longrunning.Operations",
        "grpc.health.v1.Health",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let symbol = MessageRequest::FileContainingSymbol("promo.v1.Reason".to_owned());
    let MessageResponse::FileDescriptorResponse(file) = ask(&channel, symbol).await else {
        panic!("a file was asked for");
    };
    let template = b"the key lacks the scope {scope}";
    let bytes = &file.file_descriptor_proto[0];
    assert!(
        bytes
            .windows(template.len())
            .any(|window| window == template)
    );
}

#[tokio::test]
async fn older_clients_find_reflection_too() {
    let edge = Edge::start(EdgeConfig::default()).await;
    let channel = edge.client().await.channel;
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap();
    assert!(answers.into_inner().message().await.unwrap().is_some());
}
