//! A control plane of a few methods, made with tonic, on a unix socket.

use std::{
    convert::Infallible,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tokio::{
    net::UnixListener,
    runtime::{Builder, Runtime},
};
use tokio_stream::{Stream, StreamExt, wrappers::UnixListenerStream};
use tonic::{
    Code, Status,
    body::Body,
    metadata::MetadataMap,
    server::{Grpc, NamedService, ServerStreamingService, UnaryService},
};
use tonic_prost::ProstCodec;
use tower_service::Service;

use super::{Text, text};

type Answer<T> = Pin<Box<dyn Future<Output = Result<tonic::Response<T>, Status>> + Send>>;
type Texts = Pin<Box<dyn Stream<Item = Result<Text, Status>> + Send>>;

/// What the control plane saw.
#[derive(Default)]
pub struct Seen {
    /// Streams that were dropped before their end.
    pub cancelled: AtomicU64,
    /// Messages that streams were asked for.
    pub streamed: AtomicU64,
}

/// A running control plane, with a thread of its own that can hang and die.
pub struct Control {
    pub seen: Arc<Seen>,
    runtime: Option<Runtime>,
}

impl Control {
    pub fn start(socket: &Path) -> Self {
        let _ = std::fs::remove_file(socket);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let seen = Arc::new(Seen::default());
        let guard = runtime.enter();
        let listener = UnixListener::bind(socket).unwrap();
        let (reporter, health) = tonic_health::server::health_reporter();
        let routes = tonic::service::Routes::new(health)
            .add_service(Campaigns)
            .add_service(Codes(Arc::clone(&seen)));
        runtime.spawn(async move {
            let _reporter = reporter;
            let server = tonic::transport::Server::builder().add_routes(routes);
            server
                .serve_with_incoming(UnixListenerStream::new(listener))
                .await
                .unwrap();
        });
        drop(guard);
        Self {
            seen,
            runtime: Some(runtime),
        }
    }
}

impl Drop for Control {
    /// Ends it as a crash would: sockets close, nobody is told.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type Served = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

#[derive(Clone)]
struct Campaigns;

impl NamedService for Campaigns {
    const NAME: &'static str = "promo.v1.CampaignService";
}

impl Service<Request<Body>> for Campaigns {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Served;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Served {
        Box::pin(async {
            let mut grpc = Grpc::new(ProstCodec::<Text, Text>::default());
            Ok(grpc.unary(Unary, request).await)
        })
    }
}

#[derive(Clone)]
struct Codes(Arc<Seen>);

impl NamedService for Codes {
    const NAME: &'static str = "promo.v1.CodeService";
}

impl Service<Request<Body>> for Codes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Served;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Served {
        let streams = Streams(Arc::clone(&self.0));
        Box::pin(async {
            let mut grpc = Grpc::new(ProstCodec::<Text, Text>::default());
            Ok(grpc.server_streaming(streams, request).await)
        })
    }
}

struct Unary;

impl UnaryService<Text> for Unary {
    type Response = Text;
    type Future = Answer<Text>;

    fn call(&mut self, request: tonic::Request<Text>) -> Self::Future {
        Box::pin(async move {
            let metadata = request.metadata().clone();
            let message = request.into_inner().text;
            match message.as_str() {
                "who" => Ok(tonic::Response::new(text(&who(&metadata)))),
                "refuse" => {
                    let mut trailers = MetadataMap::new();
                    trailers.insert("x-more", "yes".parse().unwrap());
                    let details = bytes::Bytes::from_static(b"\x08\x09\x12\x02no");
                    let code = Code::FailedPrecondition;
                    Err(Status::with_details_and_metadata(
                        code,
                        "für dich",
                        details,
                        trailers,
                    ))
                }
                "sleep" => {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    Ok(tonic::Response::new(text("slept")))
                }
                "hang" => {
                    std::thread::sleep(Duration::from_secs(5));
                    Ok(tonic::Response::new(text("hung")))
                }
                "timeout" => {
                    let timeout = metadata
                        .get("grpc-timeout")
                        .map(|value| value.to_str().unwrap());
                    Ok(tonic::Response::new(text(timeout.unwrap_or("none"))))
                }
                other => Ok(tonic::Response::new(text(&format!("managed {other}")))),
            }
        })
    }
}

/// The metadata of the caller, sorted.
fn who(metadata: &MetadataMap) -> String {
    let mut lines: Vec<String> = metadata
        .clone()
        .into_headers()
        .iter()
        .filter(|(name, _)| name.as_str() != "promo-call-id")
        .map(|(name, value)| format!("{name}={}", value.to_str().unwrap_or("?")))
        .collect();
    lines.push(format!(
        "call ids {}",
        metadata.get_all("promo-call-id").iter().count()
    ));
    lines.sort();
    lines.join("\n")
}

struct Streams(Arc<Seen>);

impl ServerStreamingService<Text> for Streams {
    type Response = Text;
    type ResponseStream = Texts;
    type Future = Answer<Texts>;

    fn call(&mut self, request: tonic::Request<Text>) -> Self::Future {
        let seen = Arc::clone(&self.0);
        Box::pin(async move {
            let count: u64 = request.into_inner().text.parse().unwrap();
            let guard = Guard {
                seen: Arc::clone(&seen),
                ended: count < 1_000,
            };
            let stream = tokio_stream::iter(0..count).map(move |number| {
                guard.seen.streamed.fetch_add(1, SeqCst);
                Ok(text(&format!("{number} {}", "x".repeat(1_000))))
            });
            let end = Err(Status::aborted("that was it"));
            let stream: Texts = Box::pin(stream.chain(tokio_stream::once(end)));
            Ok(tonic::Response::new(stream))
        })
    }
}

/// Counts long streams when they are dropped.
struct Guard {
    seen: Arc<Seen>,
    ended: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.ended {
            self.seen.cancelled.fetch_add(1, SeqCst);
        }
    }
}
