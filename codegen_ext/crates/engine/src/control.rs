//! The control plane, as the engine reaches it: for the little that only SQL
//! knows. Nothing that a checkout needs every day goes this way.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use promo_decision::{Reason, Refusal};

use crate::{auth::Identity, call::Call};

/// An answer under way.
pub type Answering<'a> = BoxFuture<'a, Result<Bytes, Refusal>>;

/// Answers what the engine cannot. The edge implements it.
pub trait ControlPlane: Send + Sync {
    /// Makes a unary call for `caller`. `request` and the answer are message
    /// bytes without a frame. Refuses as the control plane does, with
    /// `CONTROL_PLANE_UNAVAILABLE` when that does not answer, or with `OVERLOADED`
    /// while the caller's key asks for more than it may at a time.
    fn ask<'a>(
        &'a self,
        caller: &'a Identity,
        method: &'static str,
        request: Bytes,
    ) -> Answering<'a>;
}

/// Asks the control plane, for the caller of `call`.
pub async fn ask(
    call: &Call<'_>,
    method: &'static str,
    request: impl Into<Bytes>,
) -> Result<Bytes, Refusal> {
    match &call.engine.control {
        Some(control) => control.ask(call.identity, method, request.into()).await,
        None => Err(Refusal::new(Reason::ControlPlaneUnavailable)),
    }
}
