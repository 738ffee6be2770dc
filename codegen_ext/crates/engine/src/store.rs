//! The connection to Valkey or Redis.
//!
//! One multiplexed connection carries all calls, pipelined. No call is ever sent
//! twice: after an error the caller is told, and only it may repeat, with the
//! same request id. A task of its own reconnects, and loads the function library
//! before anybody uses the new connection, so a restarted or replaced server is
//! ready when it is seen.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError,
    ServerErrorKind, aio::MultiplexedConnection,
};
use tokio::sync::Notify;

use crate::{commits::Lanes, functions};

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

struct Shared {
    client: Client,
    config: AsyncConnectionConfig,
    current: ArcSwapOption<MultiplexedConnection>,
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
        let client =
            Client::open(url).map_err(|error| StoreError::Unexpected(error.to_string()))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(timeout));
        let shared = Arc::new(Shared {
            client,
            config,
            current: ArcSwapOption::empty(),
            broken: Notify::new(),
            lanes: Lanes::default(),
        });
        tokio::spawn(keep_connected(Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    /// Whether there is a connection now.
    pub fn connected(&self) -> bool {
        self.shared.current.load().is_some()
    }

    /// Sends one command.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let mut connection = self.connection()?;
        let answer = command.query_async(&mut connection).await;
        answer.map_err(|error| self.failed(&error))
    }

    /// Sends several commands in one go.
    pub async fn query_pipeline<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection()?;
        let answer = pipeline.query_async(&mut connection).await;
        answer.map_err(|error| self.failed(&error))
    }

    /// Plans on their way, see `commits`.
    pub(crate) fn lanes(&self) -> &Lanes {
        &self.shared.lanes
    }

    fn connection(&self) -> Result<MultiplexedConnection, StoreError> {
        self.shared
            .current
            .load()
            .as_deref()
            .cloned()
            .ok_or_else(|| StoreError::Unavailable("not connected".into()))
    }

    fn failed(&self, error: &RedisError) -> StoreError {
        if is_outage(error) {
            self.shared.current.store(None);
            self.shared.broken.notify_one();
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
        if this.current.load().is_some() {
            pause = FIRST_PAUSE;
            // A connection that dies while nobody calls is found by a ping.
            let woken = tokio::time::timeout(Duration::from_secs(1), this.broken.notified()).await;
            if woken.is_err() {
                let store = Store { shared: this };
                let _: Result<String, _> = store.query(&redis::cmd("PING")).await;
            }
            continue;
        }
        match open(&this).await {
            Ok(connection) => {
                this.current.store(Some(Arc::new(connection)));
                tracing::info!("store.connected");
            }
            Err(error) => {
                tracing::warn!(%error, "store.unreachable");
                drop(this);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn open(shared: &Shared) -> Result<MultiplexedConnection, RedisError> {
    let mut connection = shared
        .client
        .get_multiplexed_async_connection_with_config(&shared.config)
        .await?;
    let () = redis::cmd("FUNCTION")
        .arg("LOAD")
        .arg("REPLACE")
        .arg(functions::library())
        .query_async(&mut connection)
        .await?;
    Ok(connection)
}
