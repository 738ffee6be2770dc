//! What the engine asks the control plane: one message there, one message back.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use promo_decision::{reason::Reason, refusal::Refusal};
use promo_engine::{Identity, control::Answering, status};
use tokio::time::{Instant, timeout};

use crate::{
    control::{ControlPlane, Outgoing, introduce, prepare},
    deadline::{self, GRPC_TIMEOUT},
    failure::{self, Failure},
    frame,
    queue::{self, Turn},
};

/// How long an answer may take, after the wait for a place. A caller with less time
/// stops waiting by itself.
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
            let _turn = self.turn(caller).await?;
            let asked = timeout(LONGEST_WAIT, self.unary(caller, method, &request)).await;
            if asked.is_ok() {
                self.count_answer();
            }
            let answer = asked.unwrap_or_else(|_| Err(Self::unavailable()));
            answer.map_err(|failure| refusal(method, &failure))
        })
    }
}

impl ControlPlane {
    /// A place to ask. Behind calls that hang there is none to be waited for.
    async fn turn(&self, caller: &Identity) -> Result<Turn, Refusal> {
        let unavailable = || Refusal::new(Reason::ControlPlaneUnavailable);
        if self.hangs() {
            return Err(unavailable());
        }
        let (answered, begun) = (self.answered(), Instant::now());
        let turn = self.asked().enter(&caller.key_id).await;
        turn.map_err(|refusal| {
            let waited = begun.elapsed() >= queue::LONGEST_WAIT;
            if self.hangs() || (waited && self.answered() == answered) {
                unavailable()
            } else {
                refusal
            }
        })
    }

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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::PathBuf};

    use promo_engine::ControlPlane as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_behind_its_own_calls_is_not_told_that_the_control_plane_is_gone() {
        let control = ControlPlane::new(PathBuf::from("/nowhere"));
        let caller = Identity {
            key_id: "shop".into(),
            project: "pr0ject1".into(),
            scopes: BTreeSet::new(),
            admin: false,
        };
        let mut taken = Vec::new();
        while let Ok(turn) = control.asked().enter(&caller.key_id).await {
            taken.push(turn);
        }
        let ask = async || control.ask(&caller, "/x", Bytes::new()).await;
        let somebody_is_answered = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            control.count_answer();
        };
        let (refused, ()) = tokio::join!(ask(), somebody_is_answered);
        let refusal = refused.unwrap_err();
        assert_eq!(refusal.reason, Reason::Overloaded);
        assert!(refusal.retry_after_ms.is_some());

        let refusal = ask().await.unwrap_err();
        assert_eq!(refusal.reason, Reason::ControlPlaneUnavailable);

        control.set_hanging(true);
        let begun = Instant::now();
        let refusal = ask().await.unwrap_err();
        assert_eq!(refusal.reason, Reason::ControlPlaneUnavailable);
        assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits by now");
    }
}
