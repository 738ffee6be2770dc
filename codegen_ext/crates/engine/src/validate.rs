//! Validate: what codes would do to an order, and hold it if asked.

use std::sync::Arc;

use promo_decision::{Decision, Reason, Refusal};

use crate::{
    advice,
    call::Call,
    checkout::{self, Checkout, Prepared},
    convert,
    definitions::Project,
    holds, ids,
    keys::Partition,
    once::Once,
    plan::{Kept, Plan},
    protocol::promo::v1 as pb,
    request::{Violations, present},
    settle::{self, Settled},
};

const MOST_ROUNDS: usize = 5;
const METHOD: char = 'v';
const SHORTEST_TTL_MS: i64 = 1_000;
const LONGEST_TTL_MS: i64 = 30 * 24 * 3_600_000;

/// What a call asks to be held.
struct Wanted {
    session: String,
    ttl_ms: i64,
}

/// Tells what codes would do to an order.
pub async fn validate(
    call: &Call<'_>,
    request: pb::ValidateRequest,
) -> Result<pb::Validation, Refusal> {
    let mut violations = Violations::default();
    violations.request_id(&request.request_id);
    let wanted = match &request.session {
        None => None,
        Some(session) => Some(wanted(session, &mut violations)?),
    };
    let checkout = checkout::check(
        &request.redeemables,
        request.customer.as_ref(),
        request.order.as_ref(),
        request.mode,
        violations,
    )?;
    match wanted {
        None => {
            // Nothing is committed, so nothing else would compare the definitions
            // with those that are in force.
            let project = call.fresh_project().await?;
            let mut prepared = checkout::prepare(call, project, &checkout, None).await?;
            let decision = advice::advise(call, &mut prepared, &checkout).await?;
            Ok(validation(&checkout, &prepared, &decision, None))
        }
        Some(wanted) => {
            call.identity.require("redemptions.write")?;
            let project = call.project().await?;
            hold(call, &request, &checkout, project, &wanted).await
        }
    }
}

fn wanted(session: &pb::SessionRequest, violations: &mut Violations) -> Result<Wanted, Refusal> {
    let ttl_ms = session.ttl.as_ref().map_or(0, |ttl| {
        ttl.seconds
            .saturating_mul(1_000)
            .saturating_add(i64::from(ttl.nanos) / 1_000_000)
    });
    if !(SHORTEST_TTL_MS..=LONGEST_TTL_MS).contains(&ttl_ms) {
        violations.add("session.ttl", "must be 1 second to 30 days");
    }
    let key = match present(&session.key) {
        None => ids::new_session_key().map_err(|error| {
            tracing::error!(%error, "session.no_randomness");
            Refusal::new(Reason::Internal)
        })?,
        Some(key) => {
            violations.text("session.key", key, 128);
            if key.len() < 8 {
                violations.add("session.key", "has fewer than 8 bytes");
            }
            key.to_owned()
        }
    };
    Ok(Wanted {
        session: key,
        ttl_ms,
    })
}

async fn hold(
    call: &Call<'_>,
    request: &pb::ValidateRequest,
    checkout: &Checkout<'_>,
    mut project: Arc<Project>,
    wanted: &Wanted,
) -> Result<pb::Validation, Refusal> {
    let once = Once::of(METHOD, request);
    for round in 0..MOST_ROUNDS {
        let mut prepared = checkout::prepare(call, project, checkout, None).await?;
        let Some(home) = prepared.home() else {
            let decision = prepared.decide(call, checkout, &[]);
            return Ok(validation(checkout, &prepared, &decision, None));
        };
        // The commit sees whether the key is free where the hold would be.
        let given = request.session.as_ref().map_or("", |session| &session.key);
        if round == 0 && is_held_elsewhere(call, &prepared.project, home, given).await? {
            return match settle::kept(call, &prepared, once).await? {
                Some(kept) => Ok(checkout::decode(&kept.answer)?),
                None => Err(in_use(wanted)),
            };
        }
        let mut settled = attempt(call, checkout, &prepared, home, wanted, once).await?;
        if matches!(settled, Settled::Changed) && prepared.look(call).await? {
            settled = attempt(call, checkout, &prepared, home, wanted, once).await?;
        }
        match settled {
            Settled::Done { answer, .. } | Settled::Replayed(Kept { answer, .. }) => {
                return Ok(checkout::decode(&answer)?);
            }
            Settled::Invalid(decision) => {
                return Ok(validation(checkout, &prepared, &decision, None));
            }
            // The hold that has the key may be overdue, and somebody else may
            // have ended it since.
            Settled::Changed => {
                let reclaimed = settle::reclaim(call, &prepared).await?;
                if round > 0 && reclaimed == 0 {
                    return Err(in_use(wanted));
                }
                project = prepared.project;
            }
            Settled::Stale => project = call.newer_project(&prepared.project).await?,
        }
    }
    Err(Refusal::new(Reason::Conflict))
}

/// Takes what the decision asks for, and begins the hold.
async fn attempt(
    call: &Call<'_>,
    checkout: &Checkout<'_>,
    prepared: &Prepared,
    home: Partition,
    wanted: &Wanted,
    once: Option<Once<'_>>,
) -> Result<Settled, Refusal> {
    let finish = |plan: &mut Plan, decision: &Decision, movements: Vec<pb::Movement>| {
        let record = record(call, checkout, prepared, decision, wanted, movements);
        let session = session(wanted, &record);
        let project = &prepared.project;
        holds::begin(plan, project, home, &wanted.session, &record, call.now_ms);
        let answer = validation(checkout, prepared, decision, Some(session));
        plan.answer(prost::Message::encode_to_vec(&answer));
    };
    settle::settle(call, prepared, checkout, once, &finish).await
}

/// Whether a live hold in another partition has the key that a caller gave.
async fn is_held_elsewhere(
    call: &Call<'_>,
    project: &Project,
    home: Partition,
    key: &str,
) -> Result<bool, Refusal> {
    if key.is_empty() {
        return Ok(false);
    }
    let holds = holds::live(&call.engine.store, project, key, call.now_ms).await?;
    Ok(holds.iter().any(|hold| hold.partition != home))
}

fn in_use(wanted: &Wanted) -> Refusal {
    Refusal::new(Reason::SessionKeyInUse).with("session", wanted.session.clone())
}

fn record(
    call: &Call<'_>,
    checkout: &Checkout<'_>,
    prepared: &Prepared,
    decision: &Decision,
    wanted: &Wanted,
    movements: Vec<pb::Movement>,
) -> holds::Record {
    let outcomes = prepared.located.iter().zip(&decision.outcomes);
    let (codes, campaigns) = outcomes
        .filter(|(_, outcome)| matches!(outcome, promo_decision::Outcome::Applied { .. }))
        .filter_map(|(located, _)| located.as_ref().ok())
        .map(|located| {
            let campaign = &located.campaign.campaign;
            (located.code.clone(), campaign.id.clone())
        })
        .unzip();
    holds::Record {
        movements,
        codes,
        campaigns,
        customer: checkout.customer_id().unwrap_or_default().to_owned(),
        expire_ms: call.now_ms + wanted.ttl_ms,
    }
}

fn session(wanted: &Wanted, record: &holds::Record) -> pb::Session {
    pb::Session {
        key: wanted.session.clone(),
        expire_time: Some(convert::timestamp(record.expire_ms)),
        codes: record.codes.clone(),
        customer: record.customer.clone(),
    }
}

fn validation(
    checkout: &Checkout<'_>,
    prepared: &Prepared,
    decision: &Decision,
    session: Option<pb::Session>,
) -> pb::Validation {
    pb::Validation {
        valid: decision.valid,
        results: prepared.results(checkout, decision),
        order: Some(convert::priced(checkout.order, &decision.breakdown)),
        session,
    }
}
