//! Sessions: look at a hold, and end it.

use promo_decision::{Reason, Refusal};

use crate::{
    call::Call,
    definitions::Project,
    holds::{self, Hold},
    keys::Keys,
    movements,
    once::{self, Once},
    plan::{Outcome, Plan},
    protocol::promo::v1 as pb,
    request::Violations,
};

const METHOD: char = 's';

/// A live hold.
pub async fn get(call: &Call<'_>, request: pb::GetSessionRequest) -> Result<pb::Session, Refusal> {
    check(&request.key, "")?;
    let project = call.project().await?;
    let holds = live(call, &project, &request.key).await?;
    let hold = holds.first().ok_or_else(|| unknown(&request.key))?;
    Ok(hold.session())
}

/// Ends a hold.
pub async fn release(call: &Call<'_>, request: pb::ReleaseSessionRequest) -> Result<(), Refusal> {
    check(&request.key, &request.request_id)?;
    let project = call.project().await?;
    // The hold is gone when the call is repeated, so the request id is kept where
    // its key alone tells.
    let home = project.partition_of(&request.key);
    let keys = Keys::new(&project.id, home);
    let once = Once::of(METHOD, &request);
    let holds = live(call, &project, &request.key).await?;
    if holds.is_empty() {
        return released_before(call, keys, once, &request.key).await;
    }
    if request.validate_only {
        return once::kept(call, once, &[keys]).await.map(drop);
    }
    let mut plan = Plan::new();
    if let Some(once) = once {
        let ttl_ms = call.engine.config.idempotency_ttl_ms;
        once.guard(&mut plan, &keys, home, ttl_ms);
    }
    for hold in &holds {
        hold.end(&mut plan, &project);
        for movement in &hold.record.movements {
            movements::add_return(&mut plan, &project, movement);
        }
    }
    match call.engine.store.commit(plan).await? {
        Outcome::Done { .. } | Outcome::Replayed(_) => Ok(()),
        Outcome::Reused => Err(once::reused(once)),
        _ => released_before(call, keys, once, &request.key).await,
    }
}

/// The hold is gone: this very call ended it before, or it was another.
async fn released_before(
    call: &Call<'_>,
    keys: Keys,
    once: Option<Once<'_>>,
    key: &str,
) -> Result<(), Refusal> {
    let kept = once::kept(call, once, &[keys]).await?;
    kept.map(drop).ok_or_else(|| unknown(key))
}

fn check(key: &str, request_id: &str) -> Result<(), Refusal> {
    let mut violations = Violations::default();
    violations.required("key", key, 128);
    violations.request_id(request_id);
    violations.check()
}

async fn live(call: &Call<'_>, project: &Project, key: &str) -> Result<Vec<Hold>, Refusal> {
    Ok(holds::live(&call.engine.store, project, key, call.now_ms).await?)
}

fn unknown(key: &str) -> Refusal {
    Refusal::new(Reason::SessionNotFound).with("session", key)
}
