//! The edge in front of an engine that does nothing, to measure the edge alone.
//!
//! ```text
//! taskset -c 0 cargo run --release -p promo-edge --example echo -- 127.0.0.1:50700
//! printf '\0\0\0\0\5hello' > body.bin
//! taskset -c 1 h2load -n 200000 -c 4 -m 16 -d body.bin -H 'content-type: application/grpc' \
//!     -H 'te: trailers' -H 'authorization: Bearer a:b' \
//!     http://127.0.0.1:50700/promo.v1.RedemptionService/Redeem
//! ```

use std::{env, error::Error, sync::Arc};

use bytes::Bytes;
use promo_decision::refusal::Refusal;
use promo_edge::{CallLayer, Caller, EdgeConfig, Plane, Server, config::Limits};
use tokio::runtime::Builder;

struct Anyone(Arc<str>);

impl Caller for Anyone {
    fn key_id(&self) -> &Arc<str> {
        &self.0
    }
    fn project(&self) -> &'static str {
        "pr0ject1"
    }
    fn may(&self, _scope: &str) -> bool {
        true
    }
    fn scopes(&self) -> String {
        String::new()
    }
    fn admin(&self) -> bool {
        true
    }
}

struct Echo(Arc<Anyone>);

impl Plane for Echo {
    type Caller = Anyone;

    async fn authenticate(&self, _authorization: Option<&str>) -> Result<Arc<Anyone>, Refusal> {
        Ok(Arc::clone(&self.0))
    }

    async fn call(
        &self,
        _caller: &Anyone,
        _method: &'static str,
        body: Bytes,
        _now_ms: i64,
    ) -> Result<Bytes, Refusal> {
        Ok(body)
    }

    async fn lease(
        &self,
        _key_id: &str,
        want: u64,
        _limit_per_second: u64,
        _now_ms: i64,
    ) -> Result<u64, Refusal> {
        Ok(want)
    }

    async fn take_ahead(
        &self,
        _key_id: &str,
        _calls: u64,
        _limit_per_second: u64,
        _now_ms: i64,
    ) -> Result<(), Refusal> {
        Ok(())
    }

    fn healthy(&self) -> bool {
        true
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let listen = env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:50700".to_owned());
    let threads = env::args()
        .nth(2)
        .map_or(Ok(1), |threads| threads.parse())?;
    let limits = Limits {
        calls_per_second_per_key: 10_000_000,
        ..Limits::default()
    };
    let config = EdgeConfig {
        listen,
        limits,
        ..EdgeConfig::default()
    };
    let plane = Arc::new(Echo(Arc::new(Anyone("a".into()))));
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?
        .block_on(async {
            let layer = Arc::new(CallLayer::new(plane, None, &config));
            let server = Server::start(layer, &config).await?;
            eprintln!("listening on {}", server.address());
            std::future::pending::<Result<(), Box<dyn Error>>>().await
        })
}
