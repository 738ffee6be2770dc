//! What the edge needs of the engine. Tests bring a tiny one of their own.

use std::sync::Arc;

use bytes::Bytes;
use promo_decision::refusal::Refusal;

/// An authenticated caller.
pub trait Caller: Send + Sync + 'static {
    /// Public half of the key.
    fn key_id(&self) -> &Arc<str>;
    /// The project that the key opens.
    fn project(&self) -> &str;
    /// Whether the key has a scope.
    fn may(&self, scope: &str) -> bool;
    /// All scopes of the key, separated by commas.
    fn scopes(&self) -> String;
    /// Whether the key may speak for other projects.
    fn admin(&self) -> bool;
}

/// The engine, as the edge sees it. Native futures: nothing is boxed on the way
/// of a checkout call.
pub trait Plane: Send + Sync + 'static {
    /// Who calls.
    type Caller: Caller;

    /// Tells who calls from the `authorization` header. Takes the same time for
    /// an unknown key as for a wrong token.
    fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> impl Future<Output = Result<Arc<Self::Caller>, Refusal>> + Send;

    /// Answers a hot method. `body` and the answer are encoded messages, without
    /// a gRPC frame; `now_ms` is the time of the call, milliseconds since 1970.
    fn call(
        &self,
        caller: &Self::Caller,
        method: &'static str,
        body: Bytes,
        now_ms: i64,
    ) -> impl Future<Output = Result<Bytes, Refusal>> + Send;

    /// Takes up to `want` calls out of what a key may make in the second of
    /// `now_ms`, over all servers of the store. Fewer than wanted means that
    /// nothing is left in that second.
    fn lease(
        &self,
        key_id: &str,
        want: u64,
        limit_per_second: u64,
        now_ms: i64,
    ) -> impl Future<Output = Result<u64, Refusal>> + Send;

    /// Takes calls out of what a key may make in the second of `now_ms` and, where
    /// that has too few left, in those after it.
    fn take_ahead(
        &self,
        key_id: &str,
        calls: u64,
        limit_per_second: u64,
        now_ms: i64,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Whether the store answers and has definitions.
    fn healthy(&self) -> bool;
}
