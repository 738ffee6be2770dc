//! The connection to Valkey or Redis.
//!
//! One multiplexed connection carries all calls, pipelined. No call is ever sent
//! twice: after an error the caller is told, and only it may repeat, with the
//! same request id. A task of its own reconnects, and sees to the function library
//! before anybody uses the new connection, so a restarted or replaced server is
//! ready when it is seen. It also pings: while a server is silent calls fail at
//! once, and a connection on which it stays silent is given up. So is one to a
//! server that has become a replica: it may have been cut off, and would go on
//! telling what was true then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue,
    IntoConnectionInfo, Pipeline, RedisError, ServerErrorKind, Value, aio::MultiplexedConnection,
    io::tcp::TcpSettings,
};
use tokio::{sync::Notify, time};

use crate::{commits::Lanes, functions, task};

/// What can go wrong with the store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, or not in time. Whether a write was done is unknown.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// It answered something that the engine did not expect.
    #[error("the store answered unexpectedly: {0}")]
    Unexpected(String),
}

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Time between two pings of a server that answers.
const PING_EVERY: Duration = Duration::from_secs(1);

/// Longest wait for the answer to a ping; less where calls wait for less.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// After so many pings in a row without an answer a connection is given up: its
/// other end may have vanished without a word.
const MOST_SILENT_PINGS: u32 = 3;

struct Shared {
    client: Client,
    config: AsyncConnectionConfig,
    ping_timeout: Duration,
    current: ArcSwapOption<MultiplexedConnection>,
    /// Pings in a row that the server did not answer in time.
    silent_pings: AtomicU32,
    broken: Notify,
    lanes: Lanes,
}

/// A store that reconnects by itself.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    /// Connects in the background; calls fail with `Unavailable` until then.
    /// `url` is `redis://`, `rediss://` or `unix:`; `timeout` bounds every call.
    pub fn connect(url: &str, timeout: Duration) -> Result<Self, StoreError> {
        let unusable = |error: RedisError| StoreError::Unexpected(error.to_string());
        let info = url.into_connection_info().map_err(unusable)?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            // The first choice stands: an error says that there is one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(timeout));
        let shared = Arc::new(Shared {
            client: Client::open(info).map_err(unusable)?,
            config,
            ping_timeout: timeout.min(PING_TIMEOUT),
            current: ArcSwapOption::empty(),
            silent_pings: AtomicU32::new(0),
            broken: Notify::new(),
            lanes: Lanes::default(),
        });
        let kept = Arc::downgrade(&shared);
        task::keep_running("store.keep_connected", move || keep_connected(kept.clone()));
        Ok(Self { shared })
    }

    /// Whether there is a connection on which the server answers.
    pub fn connected(&self) -> bool {
        self.shared.usable().is_ok()
    }

    /// Sends one command.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let used = self.shared.usable()?;
        let answer = command
            .query_async(&mut MultiplexedConnection::clone(&used))
            .await;
        answer.map_err(|error| self.shared.failed(&used, &error))
    }

    /// Sends several commands in one go.
    pub async fn query_pipeline<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, StoreError> {
        let used = self.shared.usable()?;
        let answer = pipeline
            .query_async(&mut MultiplexedConnection::clone(&used))
            .await;
        answer.map_err(|error| self.shared.failed(&used, &error))
    }

    /// Plans on their way, see `commits`.
    pub(crate) fn lanes(&self) -> &Lanes {
        &self.shared.lanes
    }
}

impl Shared {
    fn usable(&self) -> Result<Arc<MultiplexedConnection>, StoreError> {
        let unavailable = |why: &str| StoreError::Unavailable(why.into());
        if self.silent_pings.load(Relaxed) > 0 {
            return Err(unavailable("pings are not answered"));
        }
        let current = self.current.load_full();
        current.ok_or_else(|| unavailable("not connected"))
    }

    fn failed(&self, used: &Arc<MultiplexedConnection>, error: &RedisError) -> StoreError {
        if is_outage(error) {
            self.give_up(used);
            StoreError::Unavailable(error.to_string())
        } else if error.is_timeout() {
            // A slow answer is no reason to drop what others wait for.
            StoreError::Unavailable(error.to_string())
        } else if is_refusal(error) {
            tracing::warn!(%error, "store.refuses");
            StoreError::Unavailable(error.to_string())
        } else {
            StoreError::Unexpected(error.to_string())
        }
    }

    /// Has a connection replaced, unless it was: its last errors may come late.
    fn give_up(&self, used: &Arc<MultiplexedConnection>) {
        self.current.compare_and_swap(&Some(Arc::clone(used)), None);
        self.broken.notify_one();
    }

    /// Waits until a connection is given up, or for a time, and pings the server.
    async fn look_after(&self, connection: &Arc<MultiplexedConnection>) {
        let silent = self.silent_pings.load(Relaxed);
        let broken = self.broken.notified();
        if silent == 0 && time::timeout(PING_EVERY, broken).await.is_ok() {
            return;
        }
        let mut handle = MultiplexedConnection::clone(connection);
        let answer = time::timeout(self.ping_timeout, async {
            redis::cmd("PING").exec_async(&mut handle).await?;
            refuse_replica(&mut handle).await
        });
        let is_silent = match answer.await {
            Ok(Ok(())) => false,
            Ok(Err(error)) => {
                self.failed(connection, &error);
                error.is_timeout()
            }
            Err(_) => true,
        };
        if is_silent {
            tracing::warn!(pings = silent + 1, "store.silent");
            self.silent_pings.store(silent + 1, Relaxed);
            if silent + 1 >= MOST_SILENT_PINGS {
                self.give_up(connection);
            }
        } else if silent > 0 {
            tracing::info!("store.answers_again");
            self.silent_pings.store(0, Relaxed);
        }
    }

    async fn open(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&self.config)
            .await?;
        refuse_replica(&mut connection).await?;
        load_functions(&mut connection).await?;
        Ok(connection)
    }
}

/// Fails when the server says that it is a replica.
async fn refuse_replica(connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let role: Vec<Value> = match redis::cmd("ROLE").query_async(connection).await {
        Ok(role) => role,
        Err(error) if is_outage(&error) || error.is_timeout() => return Err(error),
        // Not every user may ask, and not every proxy passes it on; then the first
        // write tells.
        Err(_) => return Ok(()),
    };
    match role.first() {
        Some(Value::BulkString(name)) if name == b"slave" => {
            let kind = ErrorKind::Server(ServerErrorKind::ReadOnly);
            Err((kind, "the server is a replica").into())
        }
        _ => Ok(()),
    }
}

/// Loads the function library where it is missing. A server whose memory is full
/// refuses to load one, even one that it has, and still answers what only reads.
async fn load_functions(connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let library = functions::library();
    let mut list = redis::cmd("FUNCTION");
    list.arg("LIST").arg("LIBRARYNAME").arg(&library.name);
    let same_name: Vec<Value> = list.query_async(connection).await?;
    // The name tells the code.
    if same_name.is_empty() {
        let mut load = redis::cmd("FUNCTION");
        load.arg("LOAD").arg("REPLACE").arg(&library.text);
        load.exec_async(connection).await?;
    }
    Ok(())
}

/// Whether the connection is of no use any more: gone, or to a server that is
/// starting, became a replica, or lost the function library.
fn is_outage(error: &RedisError) -> bool {
    if error.is_timeout() {
        return false;
    }
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::ReadOnly
                    | ServerErrorKind::MasterDown
            )
        )
        || error
            .detail()
            .is_some_and(|detail| detail.contains("Function not found"))
        || error.to_string().contains("Function not found")
}

/// Whether the server did nothing, because it cannot for the time being: its memory
/// or its disk is full, something holds it up, or it misses other servers.
fn is_refusal(error: &RedisError) -> bool {
    const CODES: [&str; 6] = [
        "OOM",
        "MISCONF",
        "BUSY",
        "NOREPLICAS",
        "CLUSTERDOWN",
        "TRYAGAIN",
    ];
    let errors = error.clone().into_server_errors().unwrap_or_default();
    errors
        .iter()
        .any(|(_, error)| CODES.contains(&error.code()))
}

async fn keep_connected(shared: std::sync::Weak<Shared>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(this) = shared.upgrade() else { return };
        if let Some(connection) = this.current.load_full() {
            pause = FIRST_PAUSE;
            this.look_after(&connection).await;
            continue;
        }
        match this.open().await {
            Ok(connection) => {
                this.silent_pings.store(0, Relaxed);
                this.current.store(Some(Arc::new(connection)));
                tracing::info!("store.connected");
            }
            Err(error) => {
                tracing::warn!(%error, "store.unreachable");
                drop(this);
                time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}
