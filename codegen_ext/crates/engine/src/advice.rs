//! What limits would answer now. Only the commit grants; this is advice for a
//! shopper who has not decided yet.

use std::collections::HashMap;

use promo_decision::{Decision, Refusal, Take};
use redis::{FromRedisValue, Value};

use crate::{
    call::Call,
    checkout::{Checkout, Prepared},
    functions,
    keys::{self, PAGE_SIZE},
    movements::{self, Subject},
    settle,
    store::StoreError,
};

/// Decides with the limits as they are now.
pub async fn advise(
    call: &Call<'_>,
    prepared: &Prepared,
    checkout: &Checkout<'_>,
) -> Result<Decision, Refusal> {
    let mut refused: Vec<Option<Refusal>> = vec![None; checkout.codes.len()];
    let mut reclaimed = false;
    loop {
        let decision = prepared.decide(call, checkout, &refused);
        if !decision.valid {
            return Ok(decision);
        }
        let Some(take) = first_refused(call, prepared, checkout, &decision.takes).await? else {
            return Ok(decision);
        };
        if !reclaimed {
            reclaimed = true;
            if settle::reclaim(call, prepared).await? > 0 {
                continue;
            }
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
    let mut used: HashMap<String, i64> = HashMap::with_capacity(takes.len());
    for ((take, name), value) in takes.iter().zip(names).zip(values) {
        let stored = stored_use(value)?;
        let used = used.entry(name).or_insert(stored);
        // As in the commit: nothing needed of a full budget is no refusal.
        if *used + take.amount > take.limit && take.amount > 0 {
            return Ok(Some(*take));
        }
        *used += take.amount;
    }
    Ok(None)
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
