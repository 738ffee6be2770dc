//! Health that tells the truth: the services of the engine serve while the store
//! answers, the managed ones while the control plane answers.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use promo_engine::protocol::FILE_DESCRIPTOR_SET;
use tokio::{
    sync::watch,
    time::{interval, timeout},
};
use tonic::service::Routes;
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, HealthService},
};
use tower_service::Service;

use crate::{
    body::{Answer, late},
    failure::{Failure, overloaded},
    layer::CallLayer,
    peers::Peers,
    plane::Plane,
    server::Phase,
};

const EVERY: Duration = Duration::from_millis(250);

/// Streams of health and reflection that may be open at a time.
const MOST_STREAMS: usize = 1_024;
/// Checks that may wait for their message at a time. They have places of their
/// own: whoever probes the server must not find it full of others' streams.
const MOST_CHECKS: usize = 4_096;
/// Of either, those of one peer.
const MOST_OF_PEER: usize = 256;
/// After how long a caller who found no place may try again.
const RETRY_MS: u64 = 1_000;
/// Time for a call to bring its message.
const LONGEST_BEGINNING: Duration = Duration::from_secs(5);

/// The one method of these services whose answer does not stream.
const CHECK: &str = "/grpc.health.v1.Health/Check";

/// The health and reflection services, which need no key.
pub struct Utilities {
    routes: Routes,
    checks: Arc<Peers>,
    streams: Arc<Peers>,
}

impl Utilities {
    /// Services that tell what is reported.
    pub fn new(reporter: &HealthReporter) -> Result<Self, tonic_reflection::server::Error> {
        Ok(Self {
            routes: routes(reporter)?,
            checks: Peers::new(MOST_CHECKS, MOST_OF_PEER, Arc::default()),
            streams: Peers::new(MOST_STREAMS, MOST_OF_PEER, Arc::default()),
        })
    }

    /// Answers a call, if there is a place for it.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Response<Answer>, Failure> {
        let streams = request.uri().path() != CHECK;
        let places = if streams { &self.streams } else { &self.checks };
        let place = places
            .enter(peer)
            .map_err(|most| overloaded(most, RETRY_MS))?;
        let mut routes = self.routes.clone();
        match timeout(LONGEST_BEGINNING, routes.call(request)).await {
            Ok(Ok(response)) => Ok(response.map(|body| Answer::Tonic {
                body,
                _place: streams.then_some(place),
            })),
            Ok(Err(never)) => match never {},
            Err(_) => Err(late()),
        }
    }
}

fn routes(reporter: &HealthReporter) -> Result<Routes, tonic_reflection::server::Error> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let health = HealthService::from_health_reporter(reporter.clone());
    Ok(
        Routes::new(tonic_health::pb::health_server::HealthServer::new(health))
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .prepare(),
    )
}

/// Services that are well or ill together.
struct Group {
    reporter: HealthReporter,
    services: BTreeSet<&'static str>,
    serving: Option<bool>,
}

impl Group {
    async fn set(&mut self, serving: bool) {
        // Watchers hear of changes only.
        if self.serving != Some(serving) {
            self.serving = Some(serving);
            let status = if serving {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            for service in &self.services {
                self.reporter.set_service_status(service, status).await;
            }
        }
    }
}

/// Keeps the reporter truthful until the server drains.
pub async fn report<P: Plane>(
    layer: Arc<CallLayer<P>>,
    reporter: HealthReporter,
    mut phase: watch::Receiver<Phase>,
) {
    let methods = layer.methods();
    // The server as a whole is what checkouts need of it.
    let mut hot = Group {
        reporter: reporter.clone(),
        services: methods.services(true).into_iter().chain([""]).collect(),
        serving: None,
    };
    let mut managed = Group {
        reporter,
        services: methods.services(false),
        serving: None,
    };
    hot.set(layer.plane().healthy()).await;
    managed.set(false).await;
    let mut ticks = interval(EVERY);
    let store = async {
        loop {
            ticks.tick().await;
            hot.set(layer.plane().healthy()).await;
            layer.throttle().tidy(std::time::Instant::now());
        }
    };
    let mut probes = interval(EVERY);
    let control = async {
        loop {
            probes.tick().await;
            if let Some(control) = layer.control() {
                managed.set(control.probe().await).await;
            }
        }
    };
    tokio::select! {
        () = store => {}
        () = control => {}
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
    }
    hot.set(false).await;
    managed.set(false).await;
}
