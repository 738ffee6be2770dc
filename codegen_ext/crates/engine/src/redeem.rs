//! Redeem: use codes on an order, exactly once.

use promo_decision::{Decision, Reason, Refusal};
use prost::Message as _;

use crate::{
    advice,
    call::Call,
    checkout::{self, Checkout, Prepared},
    convert,
    keys::Keys,
    ledger,
    once::Once,
    plan::Kept,
    protocol::promo::v1 as pb,
    request::{Violations, present},
    settle::{self, Settled},
};

/// How often a call starts over because a definition changed under it.
const MOST_ROUNDS: usize = 5;

/// Letter of the method in the keys of request ids.
const METHOD: char = 'r';

/// Uses codes on an order.
pub async fn redeem(
    call: &Call<'_>,
    request: pb::RedeemRequest,
) -> Result<pb::Redemption, Refusal> {
    let mut violations = Violations::default();
    violations.request_id(&request.request_id);
    violations.text("session_key", &request.session_key, 128);
    violations.metadata("metadata", &request.metadata);
    let checkout = checkout::check(
        &request.redeemables,
        request.customer.as_ref(),
        request.order.as_ref(),
        request.mode,
        violations,
    )?;
    let once = Once::of(METHOD, &request);
    let session = present(&request.session_key);
    // What only looks must look at the definitions that are in force; a commit
    // compares them by itself.
    let mut project = if request.validate_only {
        call.fresh_project().await?
    } else {
        call.project().await?
    };
    for _ in 0..MOST_ROUNDS {
        let mut prepared = match checkout::prepare(call, project, &checkout, session).await {
            Ok(prepared) => prepared,
            // The hold was confirmed by the first call with this request id.
            Err(refusal) if refusal.reason == Reason::SessionNotFound && once.is_some() => {
                return replayed_without_hold(call, &checkout, once, refusal).await;
            }
            Err(refusal) => return Err(refusal),
        };
        if request.validate_only {
            return match settle::kept(call, &prepared, once).await? {
                Some(kept) => first_answer(call, &kept).await,
                None => preview(call, &request, &checkout, &mut prepared).await,
            };
        }
        let mut attempted = attempt(call, &request, &checkout, &prepared, once).await?;
        if matches!(attempted, Attempt::Changed) && prepared.look(call).await? {
            attempted = attempt(call, &request, &checkout, &prepared, once).await?;
        }
        match attempted {
            Attempt::Done(redemption) => return Ok(*redemption),
            Attempt::Stale => project = call.newer_project(&prepared.project).await?,
            // A hold that changed was ended by somebody else; the next round says so.
            Attempt::Changed => project = prepared.project,
        }
    }
    Err(Refusal::new(Reason::Conflict))
}

enum Attempt {
    Done(Box<pb::Redemption>),
    /// A definition has changed.
    Stale,
    /// A voucher was edited, or perhaps was before, or a hold has ended.
    Changed,
}

impl Attempt {
    fn done(redemption: pb::Redemption) -> Self {
        Self::Done(Box::new(redemption))
    }
}

async fn attempt(
    call: &Call<'_>,
    request: &pb::RedeemRequest,
    checkout: &Checkout<'_>,
    prepared: &Prepared,
    once: Option<Once<'_>>,
) -> Result<Attempt, Refusal> {
    let home = prepared.home();
    let keys = home.map(|home| Keys::new(&prepared.project.id, home));
    let finish = |plan: &mut crate::plan::Plan, decision: &Decision, moved: Vec<pb::Movement>| {
        let Some(keys) = &keys else { return };
        let redemption = redemption(call, request, checkout, prepared, decision);
        let entry = pb::LedgerEntry {
            fact: Some(pb::ledger_entry::Fact::Redemption(redemption)),
            movements: moved,
            customer: checkout.customer.cloned(),
            request_id: request.request_id.clone(),
            ..pb::LedgerEntry::default()
        };
        plan.record(keys.ledger(), keys.outbox(), entry.encode_to_vec());
    };
    let settled = settle::settle(call, prepared, checkout, once, &finish).await?;
    match settled {
        Settled::Done { decision, answer } => {
            let home = home.ok_or_else(|| Refusal::new(Reason::Internal))?;
            let mut redemption = redemption(call, request, checkout, prepared, &decision);
            ledger::name_redemption(&mut redemption, ledger::id(home, &answer)?);
            Ok(Attempt::done(redemption))
        }
        Settled::Replayed(kept) => first_answer(call, &kept).await.map(Attempt::done),
        Settled::Invalid(decision) => Err(settle::refusal_of_decision(&decision, checkout.mode)),
        Settled::Stale => Ok(Attempt::Stale),
        Settled::Changed => Ok(Attempt::Changed),
    }
}

/// The answer of a call that was done before, from what it recorded.
async fn first_answer(call: &Call<'_>, kept: &Kept) -> Result<pb::Redemption, Refusal> {
    let id = ledger::id(kept.home, &kept.answer)?;
    let found = ledger::find(call, id, id.redemption()).await?;
    match found.and_then(|found| found.entry.fact) {
        Some(pb::ledger_entry::Fact::Redemption(redemption)) => Ok(redemption),
        _ => Err(Refusal::new(Reason::RedemptionNotFound).with("redemption", id.redemption())),
    }
}

/// A repeat of a call that confirmed a hold finds the hold gone.
async fn replayed_without_hold(
    call: &Call<'_>,
    checkout: &Checkout<'_>,
    once: Option<Once<'_>>,
    refusal: Refusal,
) -> Result<pb::Redemption, Refusal> {
    let project = call.project().await?;
    let prepared = checkout::prepare(call, project, checkout, None).await?;
    match settle::kept(call, &prepared, once).await? {
        Some(kept) => first_answer(call, &kept).await,
        None => Err(refusal),
    }
}

/// What a redemption would be; fails as it would.
async fn preview(
    call: &Call<'_>,
    request: &pb::RedeemRequest,
    checkout: &Checkout<'_>,
    prepared: &mut Prepared,
) -> Result<pb::Redemption, Refusal> {
    let decision = advice::advise(call, prepared, checkout).await?;
    if decision.valid {
        Ok(redemption(call, request, checkout, prepared, &decision))
    } else {
        Err(settle::refusal_of_decision(&decision, checkout.mode))
    }
}

fn redemption(
    call: &Call<'_>,
    request: &pb::RedeemRequest,
    checkout: &Checkout<'_>,
    prepared: &Prepared,
    decision: &Decision,
) -> pb::Redemption {
    pb::Redemption {
        results: prepared.results(checkout, decision),
        order: Some(convert::priced(checkout.order, &decision.breakdown)),
        customer: checkout.customer_id().unwrap_or_default().to_owned(),
        redeem_time: Some(convert::timestamp(call.now_ms)),
        state: pb::RedemptionState::Succeeded as i32,
        metadata: request.metadata.clone(),
        ..pb::Redemption::default()
    }
}
