//! The one call layer below HTTP/2: who may call, how fast, and who answers.
//!
//! The port and a process that embeds the edge use the same layer, so that a
//! call in process is admitted exactly like one from the network.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, header};
use hyper::body::Incoming;
use promo_decision::{reason::Reason, refusal::Refusal};
use promo_engine::{batch, call_id};
use tokio::time::timeout;

use crate::{
    body::late,
    config::{EdgeConfig, Limits},
    control::ControlPlane,
    deadline,
    failure::{Failure, overloaded},
    forward, frame,
    guard::{Guarded, Panicked},
    methods::{Method, Methods},
    metrics::{Flight, Metrics},
    plane::{Caller, Plane},
    rate::{InFlight, Rates},
    share::Shares,
    throttle::Throttle,
};

/// After how long a caller of a full server may try again.
const OVERLOAD_DELAY_MS: u64 = 50;

/// Most time for a call that the engine answers, whatever its caller grants: who
/// waits longer waits for something that has gone wrong.
const LONGEST_HOT: Duration = Duration::from_secs(60);

/// Most time for a call that the control plane answers with one message.
const LONGEST_MANAGED: Duration = Duration::from_secs(600);

/// Where the message of a call is.
pub(crate) enum Source<'a> {
    /// Still to be read.
    Stream(&'a mut Incoming),
    /// Here.
    Message(Bytes),
}

/// Admits calls and has them answered.
pub struct CallLayer<P> {
    plane: Arc<P>,
    limits: Limits,
    methods: Methods,
    metrics: Arc<Metrics>,
    rates: Rates,
    throttle: Throttle,
    control: Option<Arc<ControlPlane>>,
    draining: AtomicBool,
    shares: Arc<Shares>,
}

impl<P: Plane> CallLayer<P> {
    /// A layer over an engine and a control plane. Without one, the methods that
    /// it answers are unavailable.
    pub fn new(plane: Arc<P>, control: Option<Arc<ControlPlane>>, config: &EdgeConfig) -> Self {
        let methods = Methods::new();
        Self {
            plane,
            metrics: Arc::new(Metrics::new(&methods)),
            rates: Rates::new(&config.limits),
            throttle: Throttle::new(config.limits.failed_authentications_per_peer),
            control,
            draining: AtomicBool::new(false),
            shares: Arc::default(),
            limits: config.limits.clone(),
            methods,
        }
    }

    /// Makes a unary call in this process. `body` and the answer are encoded
    /// messages; without a `deadline`, `grpc-timeout` in the metadata or the
    /// default holds. `peer` is the address that the call comes from, when it is
    /// made for somebody else: wrong keys count against it.
    pub async fn call(
        &self,
        path: &str,
        metadata: &HeaderMap,
        body: Bytes,
        deadline: Option<Duration>,
        peer: Option<IpAddr>,
    ) -> Result<Bytes, Failure> {
        let method = self.find(path)?;
        if !method.hot {
            return forward::unary(self, method, metadata, body, deadline, peer).await;
        }
        let (mut flight, begun) = self.begin(method);
        let answer = match begun {
            Ok(()) => {
                self.answer(method, metadata, peer, deadline, Source::Message(body))
                    .await
            }
            Err(failure) => Err(failure),
        };
        flight.end(answer.as_ref().err().map_or(0, Failure::code));
        answer
    }

    /// Answers a hot call whose message is still to be read.
    pub(crate) async fn answer(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        deadline: Option<Duration>,
        source: Source<'_>,
    ) -> Result<Bytes, Failure> {
        let time = self.time(method, headers, deadline)?;
        let work = Guarded::new(async {
            let (caller, in_flight) = self.admit(method, headers, peer).await?;
            let limit = self.limits.message_bytes;
            let body = match source {
                Source::Stream(body) => frame::read(body, limit).await?,
                Source::Message(body) if body.len() > limit => return Err(frame::too_large(limit)),
                Source::Message(body) => body,
            };
            if method.is_batch {
                let more = batch::count(&body).saturating_sub(1);
                self.rates
                    .take_ahead(&self.plane, &in_flight, more, now_ms())
                    .await;
            }
            // On the heap, because the way from here to the task's own memory
            // is a copy at each step, and an engine's future is large.
            let call = Box::pin(self.plane.call(&caller, method.path, body, now_ms()));
            call.await
                .map_err(|refusal| call_id::traceable(method.path, refusal).into())
        });
        match timeout(time, work).await {
            Ok(result) => result.unwrap_or_else(|Panicked| Err(call_id::panicked().into())),
            Err(_) => Err(late()),
        }
    }

    /// Begins a call: it counts from here on, even when it may not go on.
    pub(crate) fn begin(&self, method: &Method) -> (Flight, Result<(), Failure>) {
        let (flight, in_flight) = Flight::begin(&self.metrics, method.index);
        let begun = if self.draining.load(Relaxed) {
            Err(Failure::reason(Reason::Draining))
        } else if in_flight > self.limits.calls_in_flight {
            Err(overloaded(self.limits.calls_in_flight, OVERLOAD_DELAY_MS).into())
        } else {
            Ok(())
        };
        (flight, begun)
    }

    /// Tells who calls, and that the caller may. The call counts as one of its key's
    /// in flight until the second answer is dropped.
    pub(crate) async fn admit(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<(Arc<P::Caller>, InFlight), Failure> {
        let authorization = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let credentials = authorization.unwrap_or_default();
        if let Some(peer) = peer {
            self.throttle.check(peer, credentials, Instant::now())?;
        }
        let caller = match self.plane.authenticate(authorization).await {
            Ok(caller) => caller,
            Err(refusal) => {
                let wrong = refusal.reason == Reason::CredentialsInvalid;
                if let Some(peer) = peer.filter(|_| wrong) {
                    self.throttle.failed(peer, credentials, Instant::now());
                }
                return Err(refusal.into());
            }
        };
        if peer.is_some() {
            self.throttle.succeeded(credentials);
        }
        if !caller.may(method.scope) {
            return Err(Refusal::new(Reason::ScopeMissing)
                .with("scope", method.scope)
                .into());
        }
        let now_ms = now_ms();
        let in_flight = self.rates.enter(caller.key_id(), now_ms)?;
        self.rates.spend(&self.plane, &in_flight, now_ms).await?;
        Ok((caller, in_flight))
    }

    /// The time that a call may take.
    pub(crate) fn time(
        &self,
        method: &Method,
        headers: &HeaderMap,
        deadline: Option<Duration>,
    ) -> Result<Duration, Failure> {
        let asked = match deadline {
            Some(deadline) => Some(deadline),
            None => deadline::read(headers)?,
        };
        let time = asked.unwrap_or_else(|| self.limits.default_deadline());
        Ok(match (method.hot, method.streams) {
            (true, _) => time.min(LONGEST_HOT),
            (false, false) => time.min(LONGEST_MANAGED),
            (false, true) => time,
        })
    }

    /// The method with this path, or the failure of a caller who made it up.
    pub(crate) fn find(&self, path: &str) -> Result<&Method, Failure> {
        self.methods.find(path).ok_or_else(|| {
            self.metrics.unknown_method();
            let path: String = path.chars().take(200).collect();
            Refusal::new(Reason::MethodNotFound)
                .with("method", path)
                .into()
        })
    }

    /// Everything counted by the edge, in Prometheus' text form.
    pub fn metrics(&self) -> String {
        let mut text = self.metrics.render();
        if let Some(control) = &self.control {
            text.push_str(
                "# HELP promo_edge_control_plane_up Whether the control plane answers.\n",
            );
            text.push_str("# TYPE promo_edge_control_plane_up gauge\n");
            if let Some(answers) = control.answers() {
                text.push_str("promo_edge_control_plane_up ");
                text.push_str(if answers { "1\n" } else { "0\n" });
            }
        }
        text
    }

    /// From now on every new call is refused.
    pub fn refuse_new_calls(&self) {
        self.draining.store(true, Relaxed);
    }

    /// The engine.
    pub fn plane(&self) -> &P {
        &self.plane
    }

    pub(crate) fn control(&self) -> Option<&Arc<ControlPlane>> {
        self.control.as_ref()
    }

    pub(crate) fn shares(&self) -> &Arc<Shares> {
        &self.shares
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn methods(&self) -> &Methods {
        &self.methods
    }

    pub(crate) fn counts(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.throttle
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
