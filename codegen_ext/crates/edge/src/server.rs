//! Sockets: accepts connections, speaks TLS, and drains.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::{server::conn::http2::Builder, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use promo_engine::task;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tonic_health::server::HealthReporter;

use crate::{
    config::EdgeConfig,
    gathered::Gathered,
    health::{self, Utilities},
    layer::CallLayer,
    peers::Peers,
    plane::Plane,
    serve::serve,
    tls::{self, TlsError},
};

/// Time for a new connection to bring its first call, after that for its
/// handshake.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that the kernel keeps while none are accepted.
const BACKLOG: u32 = 1_024;
/// Bytes that one call may send ahead of being read.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes that one connection may send ahead of being read.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Bytes of headers of one call.
const HEADER_BYTES: u32 = 16 * 1024;
/// How long a peer may be silent before it is asked whether it is there, and
/// how long it may take to say so.
const PING_AFTER: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Time for the last answers to leave when no call is in flight any more.
const FLUSH_TIME: Duration = Duration::from_millis(250);

/// What the server does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Takes them.
    Serving,
    /// Lets them end.
    Draining,
    /// Drops them.
    Closed,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {error}")]
    Listen {
        /// The address, as in the settings.
        listen: String,
        /// What the system says.
        error: io::Error,
    },
    /// The files for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The contract cannot be reflected on.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A server on a port. Dropping it drops its connections.
pub struct Server<P> {
    layer: Arc<CallLayer<P>>,
    address: SocketAddr,
    phase: watch::Sender<Phase>,
}

impl<P: Plane> Server<P> {
    /// Starts to listen. Must be called within a tokio runtime, on which the
    /// server then runs.
    pub async fn start(layer: Arc<CallLayer<P>>, config: &EdgeConfig) -> Result<Self, StartError> {
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let listener = listen(config).await.map_err(|error| StartError::Listen {
            listen: config.listen.clone(),
            error,
        })?;
        let address = listener.local_addr().map_err(|error| StartError::Listen {
            listen: config.listen.clone(),
            error,
        })?;
        let reporter = HealthReporter::new();
        let utilities = Arc::new(Utilities::new(&reporter)?);
        let (phase, watched) = watch::channel(Phase::Serving);
        let (served, phases) = (Arc::clone(&layer), watched.clone());
        task::keep_running("edge.health", move || {
            health::report(Arc::clone(&served), reporter.clone(), phases.clone())
        });
        let limits = layer.limits();
        let front = Arc::new(Front {
            connections: Peers::new(
                limits.connections,
                limits.connections_per_peer,
                layer.counts().connections(),
            ),
            layer: Arc::clone(&layer),
            utilities,
            tls,
        });
        tokio::spawn(front.accept(listener, watched));
        tracing::info!(%address, "edge.listening");
        Ok(Self {
            layer,
            address,
            phase,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: refuses new calls and lets those in flight finish, but not beyond
    /// the grace.
    pub async fn drain(&self, grace: Duration) {
        let end = Instant::now() + grace;
        self.layer.refuse_new_calls();
        self.phase.send_replace(Phase::Draining);
        tracing::info!(
            calls = self.layer.counts().calls_in_flight(),
            "edge.draining"
        );
        let settled = async {
            while self.layer.counts().calls_in_flight() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout_at(end, settled).await;
        // Watchers of health may stay for ever; answers need a moment to leave.
        let flushed = end.min(Instant::now() + FLUSH_TIME);
        let _ = timeout_at(flushed, self.phase.closed()).await;
        self.phase.send_replace(Phase::Closed);
        let _ = timeout(FLUSH_TIME, self.phase.closed()).await;
    }
}

impl<P> Drop for Server<P> {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Closed);
    }
}

/// What every connection shares.
struct Front<P> {
    connections: Arc<Peers>,
    layer: Arc<CallLayer<P>>,
    utilities: Arc<Utilities>,
    tls: Option<TlsAcceptor>,
}

impl<P: Plane> Front<P> {
    async fn accept(self: Arc<Self>, listener: TcpListener, mut phase: watch::Receiver<Phase>) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = Arc::clone(&self).connection(stream, peer, phase.clone());
                    tokio::spawn(connection);
                }
                // Out of file descriptors, or the peer is gone already.
                Err(error) => {
                    tracing::warn!(%error, "edge.accept_failed");
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        phase: watch::Receiver<Phase>,
    ) {
        // One more than allowed is dropped at once, without a word.
        let Ok(_open) = self.connections.enter(peer.ip()) else {
            return;
        };
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.speak(stream, peer, phase).await,
            Some(tls) => match timeout(GREETING_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.speak(stream, peer, phase).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "edge.handshake_failed"),
                Err(_) => tracing::debug!(%peer, "edge.handshake_timed_out"),
            },
        }
    }

    async fn speak<S>(&self, stream: S, peer: SocketAddr, mut phase: watch::Receiver<Phase>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let ip = peer.ip();
        let greeted = AtomicBool::new(false);
        let service = service_fn(|request| {
            greeted.store(true, Relaxed);
            let (layer, utilities) = (Arc::clone(&self.layer), Arc::clone(&self.utilities));
            async move { Ok::<_, std::convert::Infallible>(serve(layer, utilities, request, ip).await) }
        });
        let connection = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(self.layer.limits().streams_per_connection)
            .max_header_list_size(HEADER_BYTES)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PING_TIMEOUT)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(Gathered::new(connection));
        let mut greeting = pin!(sleep(GREETING_TIMEOUT));
        let mut is_new = true;
        loop {
            tokio::select! {
                () = greeting.as_mut(), if is_new => {
                    is_new = false;
                    if !greeted.load(Relaxed) {
                        // A client that only waits will connect again when it calls.
                        tracing::debug!(%peer, "edge.silent");
                        connection.as_mut().inner().graceful_shutdown();
                        let _ = timeout(FLUSH_TIME, connection.as_mut()).await;
                        if !greeted.load(Relaxed) {
                            return;
                        }
                    }
                }
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "edge.connection_failed");
                    }
                    return;
                }
                changed = phase.changed() => {
                    let phase = if changed.is_ok() { *phase.borrow_and_update() } else { Phase::Closed };
                    match phase {
                        Phase::Serving => {}
                        Phase::Draining => connection.as_mut().inner().graceful_shutdown(),
                        Phase::Closed => return,
                    }
                }
            }
        }
    }
}

async fn listen(config: &EdgeConfig) -> io::Result<TcpListener> {
    let address = lookup_host(&config.listen).await?.next();
    let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(config.reuse_port)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
