//! What Validate and Redeem share: from a request to a decision.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use promo_decision::{Candidate, Decision, Facts, Mode, Outcome, Reason, Refusal, decide};

use crate::{
    call::Call,
    convert,
    definitions::Project,
    holds::{self, Hold},
    ids,
    keys::{HOLDERS_PER_BUCKET, Partition},
    movements::Subject,
    overrides::Overrides,
    protocol::promo::v1 as pb,
    publications,
    reading::Reading,
    request::Violations,
    resolve::{self, Located, Resolved},
    store::StoreError,
};

/// What a checkout asks, with every field checked.
pub struct Checkout<'a> {
    /// The codes, in requested order.
    pub codes: Vec<String>,
    /// The customer as sent.
    pub customer: Option<&'a pb::Customer>,
    /// The order as sent.
    pub order: &'a pb::Order,
    /// The order, checked.
    pub checked: promo_decision::Order<'a>,
    /// Whether the codes stand or fall together.
    pub mode: Mode,
    /// Whether its unknown codes were counted as guesses: once, however often the
    /// call begins anew.
    counted: AtomicBool,
}

/// Checks the fields that Validate and Redeem share.
pub fn check<'a>(
    redeemables: &[pb::Redeemable],
    customer: Option<&'a pb::Customer>,
    order: Option<&'a pb::Order>,
    mode: i32,
    mut violations: Violations,
) -> Result<Checkout<'a>, Refusal> {
    let codes = violations.codes(redeemables);
    violations.customer(customer);
    let mode = match pb::ApplicationMode::try_from(mode) {
        Ok(pb::ApplicationMode::Unspecified | pb::ApplicationMode::All) => Mode::All,
        Ok(pb::ApplicationMode::Partial) => Mode::Partial,
        Err(_) => {
            violations.add("mode", format!("{mode} is no application mode"));
            Mode::All
        }
    };
    let checked = convert::order(order, &mut violations);
    violations.check()?;
    match (order, checked) {
        (Some(order), Some(checked)) => Ok(Checkout {
            codes,
            customer,
            order,
            checked,
            mode,
            counted: AtomicBool::new(false),
        }),
        _ => Err(convert::invalid("order", "is required")),
    }
}

impl Checkout<'_> {
    /// `source_id` of the customer.
    pub fn customer_id(&self) -> Option<&str> {
        self.customer.map(|customer| customer.source_id.as_str())
    }
}

/// A checkout with everything that a decision needs to know.
pub struct Prepared {
    /// The project, as fresh as the codes needed.
    pub project: Arc<Project>,
    /// Each code, found or refused.
    pub located: Vec<Result<Located, Refusal>>,
    /// When each was published, where that matters.
    published: Vec<Option<i64>>,
    /// What each voucher has of its own, where somebody looked.
    pub overrides: Overrides,
    /// Where its request id is kept, see `Resolved`; none when no code was ever
    /// issued.
    pub homes: Vec<Partition>,
    /// The hold that the call confirms. Two calls at one moment may have begun
    /// one each under the same key.
    pub holds: Vec<Hold>,
}

/// Finds the codes and reads the facts that the decision depends on. Nothing is
/// read for a campaign whose decision depends on its definition alone.
pub async fn prepare(
    call: &Call<'_>,
    project: Arc<Project>,
    checkout: &Checkout<'_>,
    session: Option<&str>,
) -> Result<Prepared, Refusal> {
    let mut project = project;
    let guesser = call.guesser(checkout.customer_id());
    call.engine.guard.check(guesser, call.now_ms)?;
    let Resolved { located, homes } = resolve::codes(call, &mut project, &checkout.codes).await?;
    if !checkout.counted.swap(true, Relaxed) {
        let unknown = located.iter().filter(|one| one.is_err()).count();
        let (guard, store) = (&call.engine.guard, &call.engine.store);
        guard.count(store, guesser, unknown, call.now_ms).await?;
    }
    refuse_repeated(&located)?;
    let published = publication_times(call, &located).await?;
    let mut holds = Vec::new();
    if let Some(session) = session {
        holds = holds::live(&call.engine.store, &project, session, call.now_ms).await?;
        if holds.is_empty() {
            return Err(Refusal::new(Reason::SessionNotFound).with("session", session));
        }
    }
    Ok(Prepared {
        project,
        located,
        published,
        overrides: Overrides::Unread,
        homes,
        holds,
    })
}

impl Prepared {
    /// Where the call's own records are; none when no code was ever issued.
    pub fn home(&self) -> Option<Partition> {
        self.homes.first().copied()
    }

    /// What a redeemable's limits are counted for.
    pub fn subject<'a>(&'a self, place: usize, checkout: &'a Checkout<'_>) -> Option<Subject<'a>> {
        let located = self.located.get(place)?.as_ref().ok()?;
        Some(Subject {
            campaign: &located.campaign,
            position: located.position,
            customer: checkout.customer_id(),
            edited: self.overrides.of(place).is_some(),
        })
    }

    /// Looks at what vouchers have of their own. Returns whether that tells
    /// anything new, so that the call can decide again.
    pub async fn look(&mut self, call: &Call<'_>) -> Result<bool, StoreError> {
        let now = Overrides::read(call, &self.located).await?;
        let count = self.located.len();
        let new = self.may_have_edited() || !now.agrees(&self.overrides, count);
        self.overrides = now;
        Ok(new)
    }

    /// Whether a voucher is known to have something of its own.
    pub fn has_edited(&self) -> bool {
        (0..self.located.len()).any(|place| self.overrides.of(place).is_some())
    }

    /// Whether vouchers could have something of their own that nobody looked at.
    pub fn may_have_edited(&self) -> bool {
        !self.overrides.is_read() && self.located.iter().any(Result::is_ok)
    }

    /// Decides, with what the store has refused before taken into account.
    pub fn decide(
        &self,
        call: &Call<'_>,
        checkout: &Checkout<'_>,
        refused: &[Option<Refusal>],
    ) -> Decision {
        let candidates: Vec<Result<Candidate<'_>, Refusal>> = self
            .located
            .iter()
            .zip(&self.published)
            .enumerate()
            .map(
                |(at, (located, published))| match (located, refused.get(at)) {
                    (_, Some(Some(refusal))) | (Err(refusal), _) => Err(refusal.clone()),
                    (Ok(located), _) => Ok(Candidate {
                        campaign: &located.campaign.campaign,
                        code: &located.code,
                        position: located.position,
                        published_ms: *published,
                        voucher: self.overrides.of(at).map(|edited| &edited.terms),
                    }),
                },
            )
            .collect();
        let facts = Facts {
            now_ms: call.now_ms,
            zone: &self.project.zone,
            customer: checkout.customer_id(),
        };
        decide(&checkout.checked, &candidates, checkout.mode, &facts)
    }

    /// The answer's entry for each code.
    pub fn results(
        &self,
        checkout: &Checkout<'_>,
        decision: &Decision,
    ) -> Vec<pb::RedeemableResult> {
        let outcomes = decision.outcomes.iter();
        let found = checkout.codes.iter().zip(&self.located);
        found
            .zip(outcomes)
            .enumerate()
            .map(|(at, ((code, located), outcome))| {
                let own = self.overrides.of(at);
                let own = own.and_then(|edited| edited.record.discount.clone());
                result(code, located, outcome, own)
            })
            .collect()
    }
}

fn result(
    code: &str,
    located: &Result<Located, Refusal>,
    outcome: &Outcome,
    own_discount: Option<pb::Discount>,
) -> pb::RedeemableResult {
    let mut result = pb::RedeemableResult {
        code: code.to_owned(),
        ..Default::default()
    };
    if let Ok(located) = located {
        let campaign = &located.campaign.campaign;
        result.voucher_id = ids::voucher(campaign.number, located.position);
        result.campaign_id.clone_from(&campaign.id);
        result.discount = own_discount.or_else(|| convert::discount(campaign));
    }
    match outcome {
        Outcome::Applied { amount } => {
            result.status = pb::RedeemableStatus::Applicable as i32;
            result.applied_discount_amount = *amount;
        }
        Outcome::Refused(refusal) => {
            result.status = pb::RedeemableStatus::Inapplicable as i32;
            result.refusal = Some(convert::refusal(refusal));
        }
        Outcome::Skipped => {
            result.status = pb::RedeemableStatus::Skipped as i32;
            let refusal = Refusal::new(Reason::PrecedingValidationFailed);
            result.refusal = Some(convert::refusal(&refusal));
        }
    }
    result
}

/// Two spellings of one code are one code.
fn refuse_repeated(located: &[Result<Located, Refusal>]) -> Result<(), Refusal> {
    let mut seen = std::collections::HashSet::with_capacity(located.len());
    for (at, one) in located.iter().enumerate() {
        if let Ok(one) = one
            && !seen.insert((one.campaign.campaign.number, one.position))
        {
            let field = format!("redeemables[{at}].code");
            return Err(convert::invalid(
                &field,
                "names a code that the request named before",
            ));
        }
    }
    Ok(())
}

/// When each code was published, read in one step; none is read for campaigns
/// to which it does not matter.
async fn publication_times(
    call: &Call<'_>,
    located: &[Result<Located, Refusal>],
) -> Result<Vec<Option<i64>>, StoreError> {
    let mut times = vec![None; located.len()];
    let asked: Vec<(usize, &Located)> = located
        .iter()
        .enumerate()
        .filter_map(|(at, one)| Some((at, one.as_ref().ok()?)))
        .filter(|(_, one)| one.campaign.campaign.needs_publication())
        .collect();
    let mut reading = Reading::default();
    for (_, one) in &asked {
        let bucket = one.position / HOLDERS_PER_BUCKET;
        let key = one
            .campaign
            .keys
            .holders(one.campaign.campaign.number, bucket);
        reading.field(key, one.position % HOLDERS_PER_BUCKET);
    }
    let holders = reading.run(&call.engine.store).await?;
    for ((at, one), holder) in asked.into_iter().zip(holders) {
        times[at] = match holder {
            redis::Value::BulkString(holder) => {
                publications::published_ms(call, &one.campaign, &holder).await?
            }
            _ => None,
        };
    }
    Ok(times)
}

/// Reads a message that was kept as bytes.
pub fn decode<M: prost::Message + Default>(bytes: &[u8]) -> Result<M, StoreError> {
    M::decode(bytes).map_err(|error| StoreError::Unexpected(format!("kept answer: {error}")))
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_kept_answer_is_read_back() {
        let order = pb::Order {
            amount: 5,
            ..Default::default()
        };
        assert_eq!(
            decode::<pb::Order>(&order.encode_to_vec()).ok(),
            Some(order)
        );
    }
}
