//! What the engine asks the control plane: one message there, one message back.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use promo_decision::{reason::Reason, refusal::Refusal};
use promo_engine::{Identity, control::Answering, status};
use tokio::time::timeout;

use crate::{
    control::{ControlPlane, Outgoing, introduce, prepare},
    deadline::{self, GRPC_TIMEOUT},
    failure::{self, Failure},
    frame,
};

/// How long an answer may take. A caller with less time stops waiting by itself.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Largest answer, bytes: no entry of the ledger comes near it.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

impl promo_engine::ControlPlane for ControlPlane {
    fn ask<'a>(
        &'a self,
        caller: &'a Identity,
        method: &'static str,
        request: Bytes,
    ) -> Answering<'a> {
        Box::pin(async move {
            let asked = timeout(LONGEST_WAIT, async {
                let _turn = self.asked().enter(&caller.key_id).await;
                self.unary(caller, method, &request).await
            })
            .await;
            let answer = asked.unwrap_or_else(|_| Err(Self::unavailable()));
            answer.map_err(|failure| refusal(method, &failure))
        })
    }
}

impl ControlPlane {
    async fn unary(
        &self,
        caller: &Identity,
        method: &'static str,
        request: &[u8],
    ) -> Result<Bytes, Failure> {
        let mut request = Request::new(Outgoing::Whole(Some(frame::write(request))));
        introduce(request.headers_mut(), caller)?;
        let wait = deadline::value(LONGEST_WAIT);
        request.headers_mut().insert(GRPC_TIMEOUT, wait);
        prepare(&mut request, method)?;
        let response = self.send(request).await?;
        if let Some(failure) = Failure::read(response.headers()) {
            return Err(failure);
        }
        let answer = Limited::new(response.into_body(), LONGEST_ANSWER);
        let answer = answer.collect().await.map_err(|_| Self::unavailable())?;
        match answer.trailers().and_then(failure::code) {
            Some(0) => frame::read(&mut Full::new(answer.to_bytes()), LONGEST_ANSWER).await,
            Some(_) => Err(answer
                .trailers()
                .and_then(Failure::read)
                .unwrap_or_else(Self::unavailable)),
            None => Err(Self::unavailable()),
        }
    }
}

/// What the engine is told. A failure without a reason is gRPC's own: the control
/// plane was too busy, or gone, before its code saw the call.
fn refusal(method: &'static str, failure: &Failure) -> Refusal {
    status::refusal(failure.status()).unwrap_or_else(|| {
        tracing::warn!(method, code = failure.code(), "control_plane.failed");
        Refusal::new(Reason::ControlPlaneUnavailable)
    })
}
