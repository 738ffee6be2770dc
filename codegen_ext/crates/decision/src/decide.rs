//! The decision: which codes apply to an order, what they take off, and what the
//! store must grant for that.

use crate::calendar::{Calendar, Zone};
use crate::campaign::Campaign;
use crate::effects::Effect;
use crate::limits::{LimitKind, Take};
use crate::order::Order;
use crate::pricing::{Breakdown, Cart, Unpriceable};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::voucher::VoucherTerms;

/// A code that the customer wants to use, with the campaign that it is of.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its campaign.
    pub campaign: &'a Campaign,
    /// The code in canonical spelling.
    pub code: &'a str,
    /// Rank of the code among those of its campaign.
    pub position: u64,
    /// When it was published, Unix milliseconds; none when it was not, or when nobody
    /// looked because [`Campaign::needs_publication`] says that it does not matter.
    pub published_ms: Option<i64>,
    /// What the voucher has of its own; none when nobody edited it.
    pub voucher: Option<&'a VoucherTerms>,
}

impl Candidate<'_> {
    fn effect(&self) -> &Effect {
        let own = self.voucher.and_then(|voucher| voucher.discount.as_ref());
        own.map_or(&self.campaign.effect, |own| &own.0)
    }

    /// The limits that are set, in order of kind: the voucher's own in place of
    /// the campaign's.
    fn limits(&self) -> impl Iterator<Item = (LimitKind, i64)> {
        let own = self.voucher.and_then(|voucher| voucher.per_code);
        let campaign = self.campaign.limits().iter().copied();
        own.filter(|limit| *limit > 0)
            .map(|limit| (LimitKind::PerCode, limit))
            .into_iter()
            .chain(campaign.filter(move |(kind, _)| own.is_none() || *kind != LimitKind::PerCode))
    }
}

/// Whether a set of codes stands or falls together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every code applies, or none does.
    All,
    /// Those that apply are used.
    Partial,
}

/// What a decision knows beside order and codes.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Time of the call, Unix milliseconds.
    pub now_ms: i64,
    /// The project's time zone.
    pub zone: &'a Zone,
    /// `source_id` of the customer.
    pub customer: Option<&'a str>,
}

/// What becomes of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It applies.
    Applied {
        /// What it takes off, minor units.
        amount: i64,
    },
    /// It does not apply.
    Refused(Refusal),
    /// Nothing speaks against it but that a code before it was refused, without
    /// which it cannot be priced. Only in [`Mode::All`].
    Skipped,
}

/// What would become of an order and the codes on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// One per candidate, in the same order.
    pub outcomes: Vec<Outcome>,
    /// The order with the discounts that apply; without any when not valid.
    pub breakdown: Breakdown,
    /// What the store must grant, by candidate and then by kind; empty when not
    /// valid.
    pub takes: Vec<Take>,
    /// In [`Mode::All`] every code applies, in [`Mode::Partial`] at least one.
    pub valid: bool,
}

/// Applies codes to an order in the order in which they are given. A candidate
/// that was refused before (unknown, or not granted by the store) takes its place
/// as a refusal, so that outcomes line up with the request.
pub fn decide(
    order: &Order<'_>,
    candidates: &[Result<Candidate<'_>, Refusal>],
    mode: Mode,
    facts: &Facts<'_>,
) -> Decision {
    let mut run = Run {
        order,
        mode,
        facts,
        calendar: Calendar::new(facts.zone, facts.now_ms),
        cart: Cart::new(order),
        has_failed: false,
        may_lack_lines: false,
    };
    let outcomes: Vec<_> = candidates
        .iter()
        .map(|candidate| run.outcome(candidate))
        .collect();
    let applied = outcomes
        .iter()
        .filter(|one| matches!(one, Outcome::Applied { .. }))
        .count();
    let valid = applied > 0 && (mode == Mode::Partial || applied == outcomes.len());
    if !valid {
        let breakdown = Breakdown::undiscounted(order);
        return Decision {
            outcomes,
            breakdown,
            takes: Vec::new(),
            valid,
        };
    }
    let takes = plan(order, candidates, &outcomes, &mut run.calendar);
    Decision {
        outcomes,
        breakdown: run.cart.into_breakdown(),
        takes,
        valid,
    }
}

struct Run<'a> {
    order: &'a Order<'a>,
    mode: Mode,
    facts: &'a Facts<'a>,
    calendar: Calendar<'a>,
    cart: Cart<'a>,
    has_failed: bool,
    /// Whether a code that was not applied could have added lines.
    may_lack_lines: bool,
}

impl Run<'_> {
    fn outcome(&mut self, candidate: &Result<Candidate<'_>, Refusal>) -> Outcome {
        let outcome = match candidate {
            Err(refusal) => Outcome::Refused(refusal.clone()),
            Ok(candidate) => self
                .try_candidate(candidate)
                .unwrap_or_else(Outcome::Refused),
        };
        if !matches!(outcome, Outcome::Applied { .. }) {
            self.has_failed = true;
            self.may_lack_lines |= match candidate {
                Ok(candidate) => candidate.effect().adds_lines(),
                Err(_) => true,
            };
        }
        outcome
    }

    fn try_candidate(&mut self, candidate: &Candidate<'_>) -> Result<Outcome, Refusal> {
        self.check(candidate)?;
        let effect = candidate.effect();
        if self.has_failed && self.mode == Mode::All {
            if self.may_lack_lines || effect.is_eligible(&self.cart) {
                return Ok(Outcome::Skipped);
            }
            return Err(unpriceable(candidate, Unpriceable::NothingSelected));
        }
        match effect.apply(&mut self.cart) {
            Ok(amount) => Ok(Outcome::Applied { amount }),
            Err(cause) => Err(unpriceable(candidate, cause)),
        }
    }

    /// Everything that can be said without pricing.
    fn check(&mut self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        let campaign = candidate.campaign;
        if campaign.deleted || candidate.voucher.is_some_and(|own| own.deleted) {
            return Err(Refusal::new(Reason::CodeNotFound).with("code", candidate.code));
        }
        if !campaign.enabled {
            return Err(about(Reason::CampaignDisabled, candidate));
        }
        if candidate.voucher.is_some_and(|own| own.disabled) {
            return Err(Refusal::new(Reason::VoucherDisabled).with("code", candidate.code));
        }
        campaign
            .window
            .check(candidate, self.facts.now_ms, &mut self.calendar)?;
        if campaign.currency != self.order.currency {
            return Err(about(Reason::CurrencyMismatch, candidate)
                .with("expected", campaign.currency.code())
                .with("actual", self.order.currency.code()));
        }
        if campaign.needs_customer() && self.facts.customer.is_none_or(str::is_empty) {
            return Err(about(Reason::CustomerRequired, candidate));
        }
        Ok(())
    }
}

fn about(reason: Reason, candidate: &Candidate<'_>) -> Refusal {
    Refusal::new(reason).with("campaign", candidate.campaign.called(candidate.code))
}

fn unpriceable(candidate: &Candidate<'_>, cause: Unpriceable) -> Refusal {
    match cause {
        Unpriceable::NothingSelected => about(Reason::CartNotEligible, candidate),
        Unpriceable::OrderTooLarge => Refusal::new(Reason::FieldInvalid)
            .with("field", "order.items")
            .with(
                "problem",
                format!("leave no room for what code {} adds", candidate.code),
            ),
    }
}

/// One take per limit that is set, of each candidate that applies.
fn plan(
    order: &Order<'_>,
    candidates: &[Result<Candidate<'_>, Refusal>],
    outcomes: &[Outcome],
    calendar: &mut Calendar<'_>,
) -> Vec<Take> {
    // An own limit may come on top of what a campaign has none of.
    let limits = candidates
        .iter()
        .flatten()
        .map(|one| one.campaign.limits().len() + usize::from(one.voucher.is_some()));
    let mut takes = Vec::with_capacity(limits.sum());
    for (index, (candidate, outcome)) in candidates.iter().zip(outcomes).enumerate() {
        let (Ok(candidate), Outcome::Applied { amount }) = (candidate, outcome) else {
            continue;
        };
        takes.extend(candidate.limits().map(|(kind, limit)| Take {
            candidate: index,
            kind,
            limit,
            amount: kind.amount_of(*amount, order.amount),
            period: calendar.period(kind),
        }));
    }
    takes
}
