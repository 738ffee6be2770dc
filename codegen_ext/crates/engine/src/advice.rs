//! What limits would answer now. Only the commit grants; this is advice for a
//! shopper who has not decided yet.

use std::collections::HashMap;

use promo_decision::{Decision, Refusal, Take};

use crate::{
    call::Call,
    checkout::{Checkout, Prepared},
    holds::Hold,
    movements,
    overrides::{self, Overrides},
    reading::Reading,
    settle,
    store::StoreError,
    uses,
};

/// How often overdue holds are looked for; each look ends up to 64 of them.
const MOST_LOOKS: usize = 256;

/// Decides with the limits, and with what vouchers have of their own, as they are
/// now.
pub async fn advise(
    call: &Call<'_>,
    prepared: &mut Prepared,
    checkout: &Checkout<'_>,
) -> Result<Decision, Refusal> {
    let mut refused: Vec<Option<Refusal>> = vec![None; checkout.codes.len()];
    let mut looks = 0;
    loop {
        let decision = prepared.decide(call, checkout, &refused);
        let known = prepared.overrides.is_read();
        if !decision.valid && known {
            return Ok(decision);
        }
        let take = first_refused(call, prepared, checkout, &decision.takes).await?;
        // Nearly always no voucher was edited, and this changes nothing.
        if !known && (!decision.valid || prepared.has_edited()) {
            continue;
        }
        let Some(take) = take else {
            return Ok(decision);
        };
        // Read once more even if no overdue hold is found: another call may have
        // ended some since the limits were read.
        let found = settle::reclaim(call, prepared).await?;
        looks += 1;
        if looks == 1 || found > 0 && looks < MOST_LOOKS {
            continue;
        }
        refused[take.candidate] = Some(settle::refusal_of(prepared, &take));
    }
}

/// The first take that a commit would refuse, from one reading of all limits; it
/// reads what vouchers have of their own too, where that is not known yet.
async fn first_refused(
    call: &Call<'_>,
    prepared: &mut Prepared,
    checkout: &Checkout<'_>,
    takes: &[Take],
) -> Result<Option<Take>, StoreError> {
    let mut reading = Reading::default();
    let mut places = Vec::with_capacity(takes.len());
    for take in takes {
        let subject = prepared
            .subject(take.candidate, checkout)
            .ok_or_else(|| StoreError::Unexpected("a take without its candidate".into()))?;
        let name = movements::limit_name(subject, take);
        places.push((name, uses::look(&mut reading, subject, take)));
    }
    let unread = !prepared.overrides.is_read();
    let limits = reading.len();
    if unread {
        overrides::look(&mut reading, &prepared.located);
    }
    let mut values = reading.run(&call.engine.store).await?;
    let records = values.split_off(limits.min(values.len()));
    if unread {
        prepared.overrides = Overrides::parse(&prepared.located, records)?;
    }
    let held = held(&prepared.holds);
    let mut used: HashMap<String, i64> = HashMap::with_capacity(takes.len());
    for (take, (name, place)) in takes.iter().zip(places) {
        let own = held.get(name.as_str()).copied().unwrap_or_default();
        let stored = uses::used(&values, &place)? - own;
        let used = used.entry(name).or_insert(stored);
        // As in the commit: nothing needed of a full budget is no refusal.
        if *used + take.amount > take.limit && take.amount > 0 {
            return Ok(Some(*take));
        }
        *used += take.amount;
    }
    Ok(None)
}

/// What the caller's own holds have taken of each limit, which the call can use.
fn held(holds: &[Hold]) -> HashMap<&str, i64> {
    let mut held = HashMap::new();
    for movement in holds.iter().flat_map(|hold| &hold.record.movements) {
        *held.entry(movement.limit.as_str()).or_default() += movement.amount;
    }
    held
}
