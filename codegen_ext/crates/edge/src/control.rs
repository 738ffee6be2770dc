//! The connection to the control plane: HTTP/2 on a unix socket.
//!
//! One connection carries all calls; it is made again when it broke. A control
//! plane that accepts but does not answer is found out by asking its health, so
//! that its callers need not wait for their deadlines.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use promo_decision::{reason::Reason, refusal::Refusal};
use promo_engine::call_id;
use prost::Message;
use tokio::{net::UnixStream, sync::Mutex, time::timeout};
use tonic_health::pb::{HealthCheckResponse, health_check_response::ServingStatus};

use crate::{
    body,
    failure::{self, Failure},
    frame::{self, Watch},
    plane::Caller,
    queue::Queue,
};

const KEY_ID: HeaderName = HeaderName::from_static("promo-key-id");
const PROJECT: HeaderName = HeaderName::from_static("promo-project");
const SCOPES: HeaderName = HeaderName::from_static("promo-scopes");
const ADMIN: HeaderName = HeaderName::from_static("promo-admin");
const CALL_ID: HeaderName = HeaderName::from_static("promo-call-id");

/// How long the control plane may take to say how it is.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection to the socket may take, which is one step of the kernel.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of one answer that may wait for a slow client.
const STREAM_WINDOW: u32 = 256 * 1024;
/// So large that a client that reads slowly holds up no other one.
const CONNECTION_WINDOW: u32 = 1 << 30;

/// Why a request could not be sent to its end, when it was the request's fault.
pub type Fault = Arc<OnceLock<Failure>>;

/// The control plane, as the edge reaches it.
pub struct ControlPlane {
    socket: PathBuf,
    sender: Mutex<Option<SendRequest<Outgoing>>>,
    probed: AtomicBool,
    answers: AtomicBool,
    hangs: AtomicBool,
    answered: AtomicU64,
    asked: Queue,
}

impl ControlPlane {
    /// The control plane behind a socket, which need not exist yet.
    pub fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            sender: Mutex::new(None),
            probed: AtomicBool::new(false),
            answers: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            asked: Queue::new(),
        }
    }

    /// The places of what the engine asks.
    pub(crate) fn asked(&self) -> &Queue {
        &self.asked
    }

    /// What callers of a control plane that is not there are told.
    pub fn unavailable() -> Failure {
        Failure::reason(Reason::ControlPlaneUnavailable)
    }

    /// What a caller is told whose deadline passed here.
    pub fn late(&self) -> Failure {
        if self.hangs() {
            Self::unavailable()
        } else {
            body::late()
        }
    }

    /// Whether the control plane was last found to accept calls and leave them
    /// unanswered.
    pub fn hangs(&self) -> bool {
        self.hangs.load(Relaxed)
    }

    pub(crate) fn set_hanging(&self, hangs: bool) {
        self.hangs.store(hangs, Relaxed);
    }

    /// How often something that the engine asked was answered: all that is known of
    /// the control plane where nobody probes.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    pub(crate) fn count_answer(&self) {
        self.answered.fetch_add(1, Relaxed);
    }

    /// Whether the control plane answered when it was last probed; nothing where
    /// nobody asks, which a server does and a process that embeds the edge does
    /// not.
    pub fn answers(&self) -> Option<bool> {
        self.probed
            .load(Relaxed)
            .then(|| self.answers.load(Relaxed))
    }

    /// Sends a request and waits for the headers of the answer.
    pub async fn send(&self, request: Request<Outgoing>) -> Result<Response<Incoming>, Failure> {
        if self.hangs() {
            return Err(Self::unavailable());
        }
        self.exchange(request).await
    }

    /// Asks the control plane how it is, and remembers.
    pub async fn probe(&self) -> bool {
        let asked = timeout(PROBE_TIMEOUT, self.ask_health()).await;
        let hangs = asked.is_err();
        if hangs {
            // Whoever listens on the socket by now may not be who hangs.
            self.sender.lock().await.take();
        }
        let answers = matches!(asked, Ok(Ok(true)));
        if self.answers.swap(answers, Relaxed) != answers {
            tracing::info!(answers, hangs, "control_plane.changed");
        }
        self.set_hanging(hangs);
        self.probed.store(true, Relaxed);
        answers
    }

    async fn ask_health(&self) -> Result<bool, Failure> {
        let body = Outgoing::Whole(Some(frame::write(&[])));
        let mut request = Request::new(body);
        prepare(&mut request, "/grpc.health.v1.Health/Check")?;
        let response = self.exchange(request).await?;
        let headers = failure::code(response.headers());
        let answer = response
            .into_body()
            .collect()
            .await
            .map_err(|_| Self::unavailable())?;
        match headers.or_else(|| answer.trailers().and_then(failure::code)) {
            Some(0) => {}
            // One that refuses the question, or does not know it, answers too.
            Some(code) => return Ok(code != failure::UNAVAILABLE),
            None => return Ok(false),
        }
        let message = frame::read(&mut Full::new(answer.to_bytes()), 1_024).await?;
        let health = HealthCheckResponse::decode(message).map_err(|_| Self::unavailable())?;
        Ok(health.status() == ServingStatus::Serving)
    }

    async fn exchange(
        &self,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, Failure> {
        for _ in 0..2 {
            let mut sender = self.connection().await?;
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                // The connection broke before the request was on it.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Self::unavailable()),
                },
            }
        }
        Err(Self::unavailable())
    }

    async fn connection(&self) -> Result<SendRequest<Outgoing>, Failure> {
        let mut current = self.sender.lock().await;
        if let Some(sender) = current.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let sender = self.connect().await.map_err(|error| {
            tracing::debug!(%error, "control_plane.unreachable");
            Self::unavailable()
        })?;
        *current = Some(sender.clone());
        Ok(sender)
    }

    async fn connect(
        &self,
    ) -> Result<SendRequest<Outgoing>, Box<dyn std::error::Error + Send + Sync>> {
        let stream = timeout(CONNECT_TIMEOUT, UnixStream::connect(&self.socket)).await??;
        // No pings: grpc servers hang up on clients that send them often.
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "control_plane.connection_lost");
            }
        });
        Ok(sender)
    }
}

/// Makes a request one that a gRPC server on a socket understands.
pub fn prepare<B>(request: &mut Request<B>, path: &str) -> Result<(), Failure> {
    let uri = http::Uri::builder()
        .scheme("http")
        .authority("localhost")
        .path_and_query(path);
    *request.uri_mut() = uri.build().map_err(|_| ControlPlane::unavailable())?;
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    let grpc = HeaderValue::from_static("application/grpc");
    headers.entry(header::CONTENT_TYPE).or_insert(grpc);
    Ok(())
}

/// Adds who calls, which the control plane takes the edge's word for, and a name of
/// the call for its log.
pub fn introduce(headers: &mut HeaderMap, caller: &impl Caller) -> Result<(), Failure> {
    let value = |text: &str| {
        HeaderValue::try_from(text).map_err(|_| {
            tracing::error!("caller.unprintable");
            Failure::from(call_id::traceable("", Refusal::new(Reason::Internal)))
        })
    };
    headers.insert(KEY_ID, value(caller.key_id())?);
    headers.insert(PROJECT, value(caller.project())?);
    headers.insert(SCOPES, value(&caller.scopes())?);
    headers.insert(ADMIN, value(if caller.admin() { "true" } else { "false" })?);
    headers.insert(CALL_ID, value(&call_id::next())?);
    Ok(())
}

/// Body of a request to the control plane.
pub enum Outgoing {
    /// One framed message.
    Whole(Option<Bytes>),
    /// Passed on from a client, and watched.
    Passing(Incoming, Watch, Fault),
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(frame) => Poll::Ready(frame.take().map(|frame| Ok(Frame::data(frame)))),
            Self::Passing(body, watch, fault) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                if let Some(Ok(frame)) = &frame
                    && let Some(data) = frame.data_ref()
                    && let Err(failure) = watch.pass(data)
                {
                    let _ = fault.set(failure);
                    return Poll::Ready(Some(Err("the request is refused".into())));
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(frame) => frame.is_none(),
            Self::Passing(body, _, _) => body.is_end_stream(),
        }
    }
}
