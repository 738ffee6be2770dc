//! What limits would answer now. Only the commit grants; this is advice for a
//! shopper who has not decided yet.

use std::collections::HashMap;

use promo_decision::{Decision, Refusal, Take};
use redis::{FromRedisValue, Value};

use crate::{
    call::Call,
    checkout::{Checkout, Prepared},
    functions,
    holds::Hold,
    keys::{self, PAGE_SIZE},
    movements::{self, Subject},
    settle,
    store::StoreError,
};

/// How often overdue holds are looked for; each look ends up to 64 of them.
const MOST_LOOKS: usize = 256;

/// Decides with the limits as they are now.
pub async fn advise(
    call: &Call<'_>,
    prepared: &Prepared,
    checkout: &Checkout<'_>,
) -> Result<Decision, Refusal> {
    let mut refused: Vec<Option<Refusal>> = vec![None; checkout.codes.len()];
    let mut looks = 0;
    loop {
        let decision = prepared.decide(call, checkout, &refused);
        if !decision.valid {
            return Ok(decision);
        }
        let Some(take) = first_refused(call, prepared, checkout, &decision.takes).await? else {
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

/// The first take that a commit would refuse, from one reading of all limits.
async fn first_refused(
    call: &Call<'_>,
    prepared: &Prepared,
    checkout: &Checkout<'_>,
    takes: &[Take],
) -> Result<Option<Take>, StoreError> {
    if takes.is_empty() {
        return Ok(None);
    }
    let mut names = Vec::with_capacity(takes.len());
    let mut how = Vec::with_capacity(takes.len());
    let mut command = redis::cmd("FCALL_RO");
    command.arg(functions::READ).arg(takes.len());
    for take in takes {
        let Some(Ok(located)) = prepared.located.get(take.candidate) else {
            return Err(StoreError::Unexpected(
                "a take without its candidate".into(),
            ));
        };
        let campaign = &located.campaign;
        let subject = Subject {
            campaign,
            position: located.position,
            customer: checkout.customer_id(),
        };
        let name = movements::limit_name(subject, take);
        if movements::is_single_use(take) {
            let page = keys::page(campaign.campaign.number, located.position / PAGE_SIZE);
            command.arg(campaign.keys.named(&page));
            how.push(format!("b{}", located.position % PAGE_SIZE));
        } else {
            command.arg(campaign.keys.named(&name));
            how.push("s".to_owned());
        }
        names.push(name);
    }
    command.arg(&how);
    let values: Vec<Value> = call.engine.store.query(&command).await?;
    let held = held(&prepared.holds);
    let mut used: HashMap<String, i64> = HashMap::with_capacity(takes.len());
    for ((take, name), value) in takes.iter().zip(names).zip(values) {
        let own = held.get(name.as_str()).copied().unwrap_or_default();
        let stored = stored_use(value)? - own;
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

/// Uses or minor units so far: a bit, or what stands before the first colon of a counter or sum.
pub fn stored_use(value: Value) -> Result<i64, StoreError> {
    let malformed = || StoreError::Unexpected("malformed counter".into());
    match value {
        Value::Nil => Ok(0),
        Value::Int(bit) => Ok(bit),
        other => {
            let text = String::from_redis_value(other).map_err(|_| malformed())?;
            let used = text.split(':').next().ok_or_else(malformed)?;
            used.parse().map_err(|_| malformed())
        }
    }
}
