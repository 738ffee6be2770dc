//! The engine behind the edge.

use std::sync::Arc;

use bytes::Bytes;
use promo_decision::refusal::Refusal;
use promo_engine::{Engine, Identity};

use crate::plane::{Caller, Plane};

impl Caller for Identity {
    fn key_id(&self) -> &Arc<str> {
        &self.key_id
    }

    fn project(&self) -> &str {
        &self.project
    }

    fn may(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    fn scopes(&self) -> String {
        let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        scopes.join(",")
    }

    fn admin(&self) -> bool {
        self.admin
    }
}

impl Plane for Engine {
    type Caller = Identity;

    async fn authenticate(&self, authorization: Option<&str>) -> Result<Arc<Identity>, Refusal> {
        Engine::authenticate(self, authorization).await
    }

    async fn call(
        &self,
        caller: &Identity,
        method: &'static str,
        body: Bytes,
        now_ms: i64,
    ) -> Result<Bytes, Refusal> {
        Engine::call(self, caller, method, body, now_ms).await
    }

    async fn lease(
        &self,
        key_id: &str,
        want: u64,
        limit_per_second: u64,
        now_ms: i64,
    ) -> Result<u64, Refusal> {
        Engine::lease(self, key_id, want, limit_per_second, now_ms).await
    }

    async fn take_ahead(
        &self,
        key_id: &str,
        calls: u64,
        limit_per_second: u64,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        Engine::take_ahead(self, key_id, calls, limit_per_second, now_ms).await
    }

    fn healthy(&self) -> bool {
        Engine::healthy(self)
    }
}
