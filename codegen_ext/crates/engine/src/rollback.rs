//! Rollback: undo a redemption, or some of its redeemables, once.

use promo_decision::{Reason, Refusal};
use prost::Message as _;

use crate::{
    archive,
    call::Call,
    convert,
    definitions::Project,
    ids::LedgerId,
    keys::Keys,
    ledger::{self, Found},
    movements,
    once::{self, Once},
    plan::{Kept, Outcome, Plan},
    protocol::promo::v1 as pb,
    request::Violations,
    store::StoreError,
};

const MOST_ROUNDS: usize = 8;
const METHOD: char = 'b';
const DAY_MS: i64 = 24 * 3_600_000;

/// Which redeemables of a redemption were undone, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undone(Vec<u8>);

impl Undone {
    fn contains(&self, place: usize) -> bool {
        self.0
            .get(place / 8)
            .is_some_and(|byte| byte >> (7 - place % 8) & 1 == 1)
    }

    fn add(&mut self, place: usize) {
        if self.0.len() <= place / 8 {
            self.0.resize(place / 8 + 1, 0);
        }
        self.0[place / 8] |= 1 << (7 - place % 8);
    }

    /// Adds what a redemption of the archive says of itself.
    pub fn add_archived(&mut self, redemption: &pb::Redemption) {
        let ids = redemption.rolled_back_ids.iter();
        for (_, place) in ids.filter_map(|id| LedgerId::parse_redeemable(id)) {
            self.add(place);
        }
    }
}

/// Undoes a redemption.
pub async fn rollback(
    call: &Call<'_>,
    request: pb::RollbackRequest,
) -> Result<pb::Rollback, Refusal> {
    let mut violations = Violations::default();
    violations.required("redemption_id", &request.redemption_id, 64);
    violations.text("reason", &request.reason, 1_024);
    violations.request_id(&request.request_id);
    violations.check()?;
    let unknown = || {
        Refusal::new(Reason::RedemptionNotFound).with("redemption", request.redemption_id.clone())
    };
    let id = LedgerId::parse_redemption(&request.redemption_id).ok_or_else(unknown)?;
    let mut archived = None;
    let entry = match ledger::read(call, id).await? {
        Found::Here(found) => Some(found.entry),
        Found::Elsewhere => {
            archived = archive::redemption(call, id).await?;
            archive::entry(call, id.redemption()).await?
        }
        Found::Never => None,
    };
    let entry = entry.ok_or_else(unknown)?;
    undo(call, request, id, &entry, archived.as_ref()).await
}

/// Undoes a redemption whose entry is at hand; `archived` is what the archive
/// knows of it, where the store has forgotten it.
async fn undo(
    call: &Call<'_>,
    request: pb::RollbackRequest,
    id: LedgerId,
    entry: &pb::LedgerEntry,
    archived: Option<&pb::Redemption>,
) -> Result<pb::Rollback, Refusal> {
    let Some(pb::ledger_entry::Fact::Redemption(redemption)) = &entry.fact else {
        let unknown = Refusal::new(Reason::RedemptionNotFound);
        return Err(unknown.with("redemption", request.redemption_id));
    };
    let once = Once::of(METHOD, &request);
    let mut project = call.project().await?;
    let asked = asked_places(&request, redemption, id)?;
    if !is_marked(call, redemption) {
        return replayed(call, id, once, too_late(call, id)).await;
    }
    for _ in 0..MOST_ROUNDS {
        let mut undone = undone(call, id).await?;
        if let Some(archived) = archived {
            undone.add_archived(archived);
        }
        let places: Vec<usize> = match &asked {
            Some(places) => places.clone(),
            None => counting(redemption, &undone).collect(),
        };
        if places.is_empty() || places.iter().any(|place| undone.contains(*place)) {
            let refusal = Refusal::new(Reason::AlreadyRolledBack)
                .with("redemption", request.redemption_id.clone());
            return replayed(call, id, once, refusal).await;
        }
        let undoing = Undoing {
            call,
            project: &project,
            id,
            entry,
            redemption,
            places: &places,
        };
        let rollback = undoing.rollback(&request, &undone);
        if request.validate_only {
            return Ok(kept(call, id, once).await?.unwrap_or(rollback));
        }
        let plan = undoing.plan(&rollback, &request, once);
        match call.engine.store.commit(plan).await? {
            Outcome::Done { answer, .. } => {
                let new = ledger::id(id.partition, &answer)?;
                return Ok(pb::Rollback {
                    id: new.rollback(),
                    ..rollback
                });
            }
            Outcome::Replayed(kept) => return first_answer(call, &kept).await,
            Outcome::Reused => return Err(once::reused(once)),
            Outcome::Stale => project = call.newer_project(&project).await?,
            // Somebody else undid one of them in between: look again.
            Outcome::Refused { .. } | Outcome::Changed => {}
            Outcome::Found(_) | Outcome::Moved { .. } => {
                return Err(Refusal::new(Reason::Internal));
            }
        }
    }
    Err(Refusal::new(Reason::Conflict))
}

/// Whether the store surely has marks of what was undone of a redemption: they
/// last as long as it can be undone, and then some.
pub fn is_marked(call: &Call<'_>, redemption: &pb::Redemption) -> bool {
    let made_ms = redemption.redeem_time.as_ref().map(convert::milliseconds);
    made_ms.is_some_and(|made_ms| call.now_ms < made_ms + call.engine.config.rollback_ttl_ms)
}

fn too_late(call: &Call<'_>, id: LedgerId) -> Refusal {
    let days = call.engine.config.rollback_ttl_ms / DAY_MS;
    Refusal::new(Reason::RollbackTooLate)
        .with("redemption", id.redemption())
        .with("days", days.to_string())
}

/// Which redeemables of a redemption were undone, by the marks in the store.
pub async fn undone(call: &Call<'_>, id: LedgerId) -> Result<Undone, StoreError> {
    let keys = Keys::new(&call.identity.project, id.partition);
    let mut command = redis::cmd("GET");
    command.arg(keys.rolled_back(&id.stream_id()));
    let bits: Option<Vec<u8>> = call.engine.store.query(&command).await?;
    Ok(Undone(bits.unwrap_or_default()))
}

/// Puts what was undone into a redemption.
pub fn describe(redemption: &mut pb::Redemption, undone: &Undone) {
    let results = redemption.results.iter().enumerate();
    redemption.rolled_back_ids = results
        .filter(|(place, _)| undone.contains(*place))
        .map(|(_, result)| result.redemption_id.clone())
        .collect();
    redemption.state = state(redemption, undone) as i32;
}

fn state(redemption: &pb::Redemption, undone: &Undone) -> pb::RedemptionState {
    if counting(redemption, undone).next().is_none() {
        pb::RedemptionState::RolledBack
    } else if counting(redemption, &Undone::default()).any(|place| undone.contains(place)) {
        pb::RedemptionState::PartiallyRolledBack
    } else {
        pb::RedemptionState::Succeeded
    }
}

/// Places of the redeemables that were used and still count.
fn counting<'a>(
    redemption: &'a pb::Redemption,
    undone: &'a Undone,
) -> impl Iterator<Item = usize> + 'a {
    let results = redemption.results.iter().enumerate();
    results
        .filter(|(_, result)| result.status == pb::RedeemableStatus::Applicable as i32)
        .map(|(place, _)| place)
        .filter(|place| !undone.contains(*place))
}

/// The places that a request names; none when it means all that count.
fn asked_places(
    request: &pb::RollbackRequest,
    redemption: &pb::Redemption,
    id: LedgerId,
) -> Result<Option<Vec<usize>>, Refusal> {
    if request.redeemable_redemption_ids.is_empty() {
        return Ok(None);
    }
    let mut places = Vec::with_capacity(request.redeemable_redemption_ids.len());
    for (at, text) in request.redeemable_redemption_ids.iter().enumerate() {
        let field = format!("redeemable_redemption_ids[{at}]");
        let place = LedgerId::parse_redeemable(text).filter(|(of, _)| *of == id);
        let place = place.map(|(_, place)| place).filter(|place| {
            counting(redemption, &Undone::default()).any(|counting| counting == *place)
        });
        let Some(place) = place else {
            return Err(convert::invalid(
                &field,
                "is no redeemable of the redemption",
            ));
        };
        if places.contains(&place) {
            return Err(convert::invalid(&field, "was named before"));
        }
        places.push(place);
    }
    places.sort_unstable();
    Ok(Some(places))
}

struct Undoing<'a> {
    call: &'a Call<'a>,
    project: &'a Project,
    id: LedgerId,
    entry: &'a pb::LedgerEntry,
    redemption: &'a pb::Redemption,
    places: &'a [usize],
}

impl Undoing<'_> {
    fn rollback(&self, request: &pb::RollbackRequest, undone: &Undone) -> pb::Rollback {
        let results = &self.redemption.results;
        let chosen = self.places.iter().filter_map(|place| results.get(*place));
        let mut after = undone.clone();
        for place in self.places {
            after.add(*place);
        }
        pb::Rollback {
            id: String::new(),
            redemption_id: self.id.redemption(),
            rolled_back_ids: self
                .places
                .iter()
                .map(|place| self.id.redeemable(*place))
                .collect(),
            returned_discount_amount: chosen.map(|result| result.applied_discount_amount).sum(),
            rollback_time: Some(convert::timestamp(self.call.now_ms)),
            reason: request.reason.clone(),
            redemption_state: state(self.redemption, &after) as i32,
        }
    }

    fn plan(
        &self,
        rollback: &pb::Rollback,
        request: &pb::RollbackRequest,
        once: Option<Once<'_>>,
    ) -> Plan {
        let keys = Keys::new(&self.project.id, self.id.partition);
        let config = &self.call.engine.config;
        let mut plan = Plan::new();
        if let Some(once) = once {
            once.guard(
                &mut plan,
                &keys,
                self.id.partition,
                config.idempotency_ttl_ms,
            );
        }
        // A store that has lost the project must not begin another ledger of it.
        plan.expect_version(keys.project_version(), self.project.version);
        let marks = keys.rolled_back(&self.id.stream_id());
        for place in self.places {
            plan.mark_once(marks.clone(), *place as u64);
        }
        plan.collect_after(marks, config.rollback_ttl_ms);
        let taken = self.entry.movements.iter().filter(|movement| {
            usize::try_from(movement.redeemable).is_ok_and(|place| self.places.contains(&place))
        });
        let movements = taken
            .filter_map(|movement| movements::add_return(&mut plan, self.project, movement))
            .collect();
        let entry = pb::LedgerEntry {
            fact: Some(pb::ledger_entry::Fact::Rollback(rollback.clone())),
            movements,
            request_id: request.request_id.clone(),
            ..pb::LedgerEntry::default()
        };
        plan.record(keys.ledger(), keys.outbox(), entry.encode_to_vec());
        plan
    }
}

/// Nothing can be undone any more: either this very call undid it before, or it
/// is refused.
async fn replayed(
    call: &Call<'_>,
    id: LedgerId,
    once: Option<Once<'_>>,
    refusal: Refusal,
) -> Result<pb::Rollback, Refusal> {
    kept(call, id, once).await?.ok_or(refusal)
}

/// The rollback that this very call has made before.
async fn kept(
    call: &Call<'_>,
    id: LedgerId,
    once: Option<Once<'_>>,
) -> Result<Option<pb::Rollback>, Refusal> {
    let keys = Keys::new(&call.identity.project, id.partition);
    match once::kept(call, once, &[keys]).await? {
        Some(kept) => first_answer(call, &kept).await.map(Some),
        None => Ok(None),
    }
}

async fn first_answer(call: &Call<'_>, kept: &Kept) -> Result<pb::Rollback, Refusal> {
    let id = ledger::id(kept.home, &kept.answer)?;
    let found = ledger::find(call, id, id.rollback()).await?;
    match found.and_then(|found| found.entry.fact) {
        Some(pb::ledger_entry::Fact::Rollback(rollback)) => Ok(rollback),
        _ => Err(Refusal::new(Reason::RedemptionNotFound).with("redemption", id.rollback())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "r_11019353d9d40000";

    fn redemption(results: usize, undone: &[usize]) -> pb::Redemption {
        let used = pb::RedeemableResult {
            status: pb::RedeemableStatus::Applicable as i32,
            ..pb::RedeemableResult::default()
        };
        pb::Redemption {
            results: vec![used; results],
            rolled_back_ids: undone.iter().map(|place| format!("{ID}.{place}")).collect(),
            ..pb::Redemption::default()
        }
    }

    #[test]
    fn marks_of_the_store_and_of_the_archive_add_up() {
        // What SETBIT of place 1 makes.
        let mut undone = Undone(vec![0b0100_0000]);
        undone.add_archived(&redemption(30, &[0, 29]));
        let places: Vec<usize> = (0..40).filter(|place| undone.contains(*place)).collect();
        assert_eq!(places, [0, 1, 29]);
    }

    #[test]
    fn a_redemption_is_rolled_back_when_nothing_of_it_counts() {
        let three = redemption(3, &[]);
        for (places, expected) in [
            (&[][..], pb::RedemptionState::Succeeded),
            (&[2], pb::RedemptionState::PartiallyRolledBack),
            (&[0, 1, 2], pb::RedemptionState::RolledBack),
        ] {
            let mut undone = Undone::default();
            for place in places {
                undone.add(*place);
            }
            assert_eq!(state(&three, &undone), expected);
        }
    }
}
