//! Movements of limits: what a use takes, written as operations of a commit, and
//! what gives it back.

use promo_decision::{LimitKind, Take};

use crate::{
    definitions::{IssuedCampaign, Project},
    holds::Hold,
    keys::{self, Keys, PAGE_SIZE, Partition},
    plan::{Plan, Taken},
    protocol::promo::v1 as pb,
    uses::{self, Form},
};

/// What a caller's own hold has taken already and a redemption may keep.
#[derive(Debug, Default)]
pub struct Held {
    movements: Vec<pb::Movement>,
}

impl Held {
    /// What holds hold.
    pub fn new(holds: &[Hold]) -> Self {
        let movements = holds.iter().flat_map(|hold| &hold.record.movements);
        Self {
            movements: movements.cloned().collect(),
        }
    }

    /// Takes one movement on this limit out, if the hold has one.
    fn claim(&mut self, limit: &str) -> Option<pb::Movement> {
        let at = self
            .movements
            .iter()
            .position(|movement| movement.limit == limit)?;
        Some(self.movements.swap_remove(at))
    }

    /// Takes everything on this budget out: what the first redeemable does not
    /// need is there for the next one, and none of it stands in their way.
    fn claim_amount(&mut self, limit: &str) -> i64 {
        let mut claimed = 0;
        self.movements.retain(|movement| {
            let other = movement.limit != limit;
            claimed += if other { 0 } else { movement.amount };
            other
        });
        claimed
    }

    /// What was not claimed, to be given back.
    pub fn into_rest(self) -> Vec<pb::Movement> {
        self.movements
    }
}

/// One redeemable of a plan.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its campaign.
    pub campaign: &'a IssuedCampaign,
    /// Its position there.
    pub position: u64,
    /// Who uses it.
    pub customer: Option<&'a str>,
    /// Whether the voucher was edited on its own.
    pub edited: bool,
}

/// Name of the limit in store and ledger.
pub fn limit_name(subject: Subject<'_>, take: &Take) -> String {
    let number = subject.campaign.campaign.number;
    let customer = subject.customer.unwrap_or_default();
    let period = take.period.as_ref().map(|period| period.name.as_str());
    match take.kind {
        LimitKind::PerCode => keys::code_uses(number, subject.position),
        LimitKind::PerCustomerPerCode => {
            keys::customer_code_uses(number, subject.position, customer)
        }
        LimitKind::PerCustomer => keys::customer_uses(number, customer),
        LimitKind::PerCampaign | LimitKind::PerDay | LimitKind::PerWeek | LimitKind::PerMonth => {
            keys::campaign_uses(number, period)
        }
        LimitKind::DiscountBudget => keys::discount_budget(number),
        LimitKind::OrderValueBudget => keys::order_value_budget(number),
    }
}

/// Adds the operation that takes from a limit. Returns its number, by which a
/// refusal names it, and the movement to record.
pub fn add_take(
    plan: &mut Plan,
    subject: Subject<'_>,
    take: &Take,
    held: &mut Held,
    grace_ms: i64,
) -> (usize, pb::Movement) {
    let name = limit_name(subject, take);
    let keys = &subject.campaign.keys;
    let operation = if take.kind.is_money() {
        let held_amount = held.claim_amount(&name);
        plan.take_amount(keys.named(&name), take.amount, take.limit, held_amount)
    } else {
        let own = held.claim(&name);
        match uses::form(subject, take.kind) {
            Form::Bit => take_bit(plan, subject, own.is_some()),
            // A single-use code's bit has no sequence of movements.
            Form::BitAndCounter if own.as_ref().is_some_and(|own| own.sequence == 0) => {
                take_bit(plan, subject, true)
            }
            Form::BitAndCounter => {
                if let Some(own) = own {
                    plan.keep_use(keys.named(&name), own.slot)
                } else {
                    let (page, offset) = uses::bit(subject.campaign, subject.position);
                    let last = uses::last_bit(subject.campaign, subject.position);
                    let counter = (keys.named(&name), keys.free_slots(&name));
                    plan.take_further_use((page, offset, last), counter, take.limit)
                }
            }
            Form::Counter => take_use(plan, keys, &name, take, own, grace_ms),
        }
    };
    let movement = pb::Movement {
        redeemable: i32::try_from(take.candidate).unwrap_or(i32::MAX),
        limit: name,
        kind: take.kind as i32,
        amount: take.amount,
        ..pb::Movement::default()
    };
    (operation, movement)
}

fn take_bit(plan: &mut Plan, subject: Subject<'_>, is_held: bool) -> usize {
    let (page, offset) = uses::bit(subject.campaign, subject.position);
    let last = uses::last_bit(subject.campaign, subject.position);
    plan.take_bit(page, offset, last, is_held)
}

fn take_use(
    plan: &mut Plan,
    keys: &Keys,
    name: &str,
    take: &Take,
    own: Option<pb::Movement>,
    grace_ms: i64,
) -> usize {
    let (key, free_key) = (keys.named(name), keys.free_slots(name));
    match (own, &take.period) {
        (Some(own), _) => plan.keep_use(key, own.slot),
        (None, None) => plan.take_use(key, free_key, take.limit),
        (None, Some(period)) => {
            let end_ms = period.end_ms.saturating_add(grace_ms);
            plan.take_use_until(key, free_key, take.limit, end_ms)
        }
    }
}

/// Adds the operation that gives a movement back. Returns what to record.
pub fn add_return(
    plan: &mut Plan,
    project: &Project,
    movement: &pb::Movement,
) -> Option<pb::Movement> {
    let campaign = keys::campaign_of_limit(&movement.limit)?;
    let keys = Keys::new(
        &project.id,
        Partition::of_campaign(campaign, project.partitions),
    );
    let kind = pb::LimitKind::try_from(movement.kind).ok()?;
    match kind {
        // A single-use code's bit has no sequence of movements.
        pb::LimitKind::PerCode if movement.sequence == 0 => {
            let position = keys::position_of_limit(&movement.limit)?;
            let page_key = keys.named(&keys::page(campaign, position / PAGE_SIZE));
            plan.return_bit(page_key, position % PAGE_SIZE);
        }
        pb::LimitKind::DiscountBudget | pb::LimitKind::OrderValueBudget => {
            plan.return_amount(keys.named(&movement.limit), movement.amount);
        }
        _ => plan.return_use(
            keys.named(&movement.limit),
            keys.free_slots(&movement.limit),
            movement.slot,
        ),
    }
    Some(pb::Movement {
        amount: -movement.amount,
        slot: 0,
        sequence: 0,
        total: 0,
        ..movement.clone()
    })
}

/// Completes movements with what the store answered for them, in order.
pub fn complete(movements: &mut [pb::Movement], taken: &[Taken]) {
    for (movement, taken) in movements.iter_mut().zip(taken) {
        movement.slot = taken.slot;
        movement.sequence = taken.sequence;
        movement.total = taken.total;
    }
}
