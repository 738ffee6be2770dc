//! Sessions: look at a hold, and end it.

use promo_decision::{Reason, Refusal};

use crate::{
    call::{self, Call},
    definitions::Project,
    holds::{self, Hold},
    keys::Keys,
    movements,
    plan::{Outcome, Plan},
    protocol::promo::v1 as pb,
    request::{Violations, present},
    settle::{self, Once},
};

const METHOD: char = 's';

/// A live hold.
pub async fn get(call: &Call<'_>, request: pb::GetSessionRequest) -> Result<pb::Session, Refusal> {
    check(&request.key, "")?;
    let project = call.project().await?;
    let hold = find(call, &project, &request.key).await?;
    hold.map(|hold| hold.session())
        .ok_or_else(|| unknown(&request.key))
}

/// Ends a hold.
pub async fn release(call: &Call<'_>, request: pb::ReleaseSessionRequest) -> Result<(), Refusal> {
    check(&request.key, &request.request_id)?;
    let project = call.project().await?;
    // The hold is gone when the call is repeated, so the request id is kept where
    // its key alone tells.
    let home = Keys::new(&project.id, project.partition_of(&request.key));
    let once = present(&request.request_id).map(|request_id| Once {
        method: METHOD,
        request_id,
        fingerprint: call::fingerprint(&pb::ReleaseSessionRequest {
            request_id: String::new(),
            ..request.clone()
        }),
    });
    if let Some(once) = once
        && settle::kept_in(call, &home, once).await?.is_some()
    {
        return Ok(());
    }
    let hold = find(call, &project, &request.key)
        .await?
        .ok_or_else(|| unknown(&request.key))?;
    let mut plan = Plan::new();
    if let Some(once) = once {
        let key = home.request(once.method, once.request_id);
        plan.once(key, once.fingerprint, call.engine.config.idempotency_ttl_ms);
    }
    hold.end(&mut plan, &project);
    for movement in &hold.record.movements {
        movements::add_return(&mut plan, &project, movement);
    }
    match plan.commit(&call.engine.store).await? {
        Outcome::Done { .. } | Outcome::Replayed(_) => Ok(()),
        Outcome::Reused => Err(settle::reused(once)),
        _ => Err(unknown(&request.key)),
    }
}

fn check(key: &str, request_id: &str) -> Result<(), Refusal> {
    let mut violations = Violations::default();
    violations.required("key", key, 128);
    violations.request_id(request_id);
    violations.check()
}

async fn find(call: &Call<'_>, project: &Project, key: &str) -> Result<Option<Hold>, Refusal> {
    let hold = holds::find(&call.engine.store, project, key).await?;
    Ok(hold.filter(|hold| hold.live(call.now_ms)))
}

fn unknown(key: &str) -> Refusal {
    Refusal::new(Reason::SessionNotFound).with("session", key)
}
