//! Health that tells the truth: the services of the engine serve while the store
//! answers, the managed ones while the control plane answers.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use promo_decision::{reason::Reason, refusal::Refusal};
use promo_engine::protocol::FILE_DESCRIPTOR_SET;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::interval,
};
use tonic::service::Routes;
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, HealthService},
};

use crate::{layer::CallLayer, plane::Plane, server::Phase};

const EVERY: Duration = Duration::from_millis(250);

/// Streams of health and reflection that may be open at a time.
const MOST_STREAMS: usize = 1_024;

/// The one method of these services whose answer does not stream.
const CHECK: &str = "/grpc.health.v1.Health/Check";

/// The health and reflection services, which need no key.
#[derive(Clone)]
pub struct Utilities {
    /// The services.
    pub routes: Routes,
    streams: Arc<Semaphore>,
}

impl Utilities {
    /// Services that tell what is reported.
    pub fn new(reporter: &HealthReporter) -> Result<Self, tonic_reflection::server::Error> {
        Ok(Self {
            routes: routes(reporter)?,
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
        })
    }

    /// Takes a place for a call, if it needs one; refuses when there is none.
    pub fn enter(&self, path: &str) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        if path == CHECK {
            return Ok(None);
        }
        let place = Arc::clone(&self.streams).try_acquire_owned();
        place
            .map(Some)
            .map_err(|_| Refusal::new(Reason::Overloaded).with("limit", MOST_STREAMS.to_string()))
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
