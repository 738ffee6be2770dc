//! Taking what a decision asks for, all or none, in one commit.
//!
//! A decision only proposes: the store may refuse a limit that was free a moment
//! ago, or find that a definition has changed. What it refuses is decided again
//! without it (where codes may be left out), a bounded number of times.

use std::fmt::Write as _;

use promo_decision::{Decision, Mode, Outcome as Verdict, Reason, Refusal, Take};

use crate::{
    call::Call,
    checkout::{Checkout, Prepared},
    holds,
    keys::{Keys, Partition},
    movements::{self, Held},
    once::{self, Once},
    plan::{Kept, Outcome, Plan},
    protocol::promo::v1 as pb,
};

/// How often overdue holds are looked for before a refusal stands. Each look
/// ends up to 64 of them for good.
const MOST_RECLAIMS: usize = 256;

/// What became of a proposal.
pub enum Settled {
    /// Everything was taken.
    Done {
        /// What was decided.
        decision: Decision,
        /// What is kept as the answer.
        answer: Vec<u8>,
    },
    /// The call was done before; what is kept of it.
    Replayed(Kept),
    /// The codes do not apply, or not enough is left of a limit.
    Invalid(Decision),
    /// A definition has changed since it was read.
    Stale,
    /// A record that the call depends on is not as it was read, or was not read:
    /// the caller looks and tries again.
    Changed,
}

/// What goes to the end of a commit: records of what was taken.
pub type Finish<'a> = dyn Fn(&mut Plan, &Decision, Vec<pb::Movement>) + Send + Sync + 'a;

/// Decides and takes.
pub async fn settle(
    call: &Call<'_>,
    prepared: &Prepared,
    checkout: &Checkout<'_>,
    once: Option<Once<'_>>,
    finish: &Finish<'_>,
) -> Result<Settled, Refusal> {
    let mut refused: Vec<Option<Refusal>> = vec![None; checkout.codes.len()];
    let mut reclaims = 0;
    let mut watch = false;
    loop {
        let decision = prepared.decide(call, checkout, &refused);
        if !decision.valid {
            let by_definition = refused.iter().all(Option::is_none);
            // What a voucher would have without terms of its own must not refuse
            // the call. Where the store refused, it had made sure that there are
            // none.
            if by_definition && prepared.may_have_edited() {
                return Ok(Settled::Changed);
            }
            if let Some(kept) = kept(call, prepared, once).await? {
                return Ok(Settled::Replayed(kept));
            }
            // Nor must what was defined before this call: only what commits is
            // compared with the definitions by the store.
            if by_definition && call.is_outdated(&prepared.project).await? {
                return Ok(Settled::Stale);
            }
            return Ok(Settled::Invalid(decision));
        }
        let (plan, operations) = propose(call, prepared, checkout, once, &decision, watch, finish);
        match call.engine.store.commit(plan).await? {
            Outcome::Done { answer, .. } => return Ok(Settled::Done { decision, answer }),
            Outcome::Replayed(kept) => return Ok(Settled::Replayed(kept)),
            Outcome::Stale => return Ok(Settled::Stale),
            Outcome::Changed => return Ok(Settled::Changed),
            Outcome::Reused => return Err(once::reused(once)),
            // Asked again, the store says in the same step whether overdue holds
            // had a part in the refusal. A look of our own would come too late:
            // somebody else may have ended them in between, for all to use.
            Outcome::Refused { .. } if !watch => watch = true,
            Outcome::Refused { overdue: true, .. } if reclaims < MOST_RECLAIMS => {
                reclaim(call, prepared).await?;
                reclaims += 1;
            }
            Outcome::Refused { operation, .. } => {
                let take = operations.iter().position(|number| *number == operation);
                let take = take.and_then(|at| decision.takes.get(at));
                let take = take.ok_or_else(|| Refusal::new(Reason::Internal))?;
                refused[take.candidate] = Some(refusal_of(prepared, take));
            }
            Outcome::Found(_) | Outcome::Moved { .. } => {
                return Err(Refusal::new(Reason::Internal));
            }
        }
    }
}

/// Why a take was not granted.
pub fn refusal_of(prepared: &Prepared, take: &Take) -> Refusal {
    match prepared.located.get(take.candidate) {
        Some(Ok(located)) => take.refusal(&located.campaign.campaign, &located.code),
        _ => Refusal::new(Reason::Internal),
    }
}

/// Ends overdue holds on the campaigns of a call. Returns how many were found.
pub async fn reclaim(call: &Call<'_>, prepared: &Prepared) -> Result<usize, Refusal> {
    let mut found = 0;
    for partition in partitions(prepared) {
        let (store, project) = (&call.engine.store, &prepared.project);
        found += holds::reclaim(store, project, partition, call.now_ms).await?;
    }
    Ok(found)
}

/// The partitions of a call's campaigns.
fn partitions(prepared: &Prepared) -> Vec<Partition> {
    let located = prepared.located.iter().flatten();
    let mut partitions: Vec<Partition> = located.map(|one| one.campaign.partition).collect();
    partitions.sort_unstable();
    partitions.dedup();
    partitions
}

fn propose(
    call: &Call<'_>,
    prepared: &Prepared,
    checkout: &Checkout<'_>,
    once: Option<Once<'_>>,
    decision: &Decision,
    watch: bool,
    finish: &Finish<'_>,
) -> (Plan, Vec<usize>) {
    let mut plan = Plan::new();
    let config = &call.engine.config;
    let project = &prepared.project;
    if let (Some(once), Some(home)) = (once, prepared.home()) {
        for place in &prepared.homes {
            let keys = Keys::new(&project.id, *place);
            once.guard(&mut plan, &keys, home, config.idempotency_ttl_ms);
        }
    }
    expect_definitions(&mut plan, prepared);
    prepared.overrides.expect(&mut plan, &prepared.located);
    if watch {
        for partition in partitions(prepared) {
            plan.watch_holds(Keys::new(&project.id, partition).holds(), call.now_ms);
        }
    }
    for hold in &prepared.holds {
        hold.end(&mut plan, project);
    }
    let mut held = Held::new(&prepared.holds);
    let mut operations = Vec::with_capacity(decision.takes.len());
    let mut moved = Vec::with_capacity(decision.takes.len());
    for take in &decision.takes {
        let Some(subject) = prepared.subject(take.candidate, checkout) else {
            continue;
        };
        let (operation, movement) =
            movements::add_take(&mut plan, subject, take, &mut held, config.rollback_ttl_ms);
        operations.push(operation);
        moved.push(movement);
    }
    // Returns come last: results line up with the movements that were taken.
    finish(&mut plan, decision, moved);
    for movement in held.into_rest() {
        movements::add_return(&mut plan, project, &movement);
    }
    (plan, operations)
}

/// The definitions that the decision was made by must still be in force, those of
/// codes that are left out as well.
fn expect_definitions(plan: &mut Plan, prepared: &Prepared) {
    let mut seen: Vec<u32> = Vec::new();
    for located in prepared.located.iter().flatten() {
        let campaign = &located.campaign;
        if !seen.contains(&campaign.campaign.number) {
            seen.push(campaign.campaign.number);
            let key = campaign.keys.bundle_version(campaign.campaign.number);
            plan.expect_version(key, campaign.campaign.version);
        }
    }
    if let Some(home) = prepared.home() {
        let keys = Keys::new(&prepared.project.id, home);
        plan.expect_version(keys.project_version(), prepared.project.version);
    }
}

/// What is kept of an earlier call with the same request id. A repeat gets the
/// first answer even when its codes have ended since.
pub async fn kept(
    call: &Call<'_>,
    prepared: &Prepared,
    once: Option<Once<'_>>,
) -> Result<Option<Kept>, Refusal> {
    let homes = prepared.homes.iter();
    let places: Vec<Keys> = homes
        .map(|home| Keys::new(&prepared.project.id, *home))
        .collect();
    once::kept(call, once, &places).await
}

/// Why nothing was used: the first code's reason, with the others beside it.
pub fn refusal_of_decision(decision: &Decision, mode: Mode) -> Refusal {
    let mut refusals = decision
        .outcomes
        .iter()
        .enumerate()
        .filter_map(|(at, outcome)| {
            if let Verdict::Refused(refusal) = outcome {
                Some((at, refusal))
            } else {
                None
            }
        });
    let Some((at, first)) = refusals.next() else {
        return Refusal::new(Reason::Internal);
    };
    let mut refusal = first.clone();
    if decision.outcomes.len() > 1 {
        let mut list = format!("{at}={}", first.reason.detail().name);
        for (at, other) in refusals {
            let _ = write!(list, ",{at}={}", other.reason.detail().name);
        }
        let mode = match mode {
            Mode::All => "ALL",
            Mode::Partial => "PARTIAL",
        };
        refusal = refusal.with("redeemables", list).with("mode", mode);
    }
    refusal
}
