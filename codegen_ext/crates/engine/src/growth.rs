//! Campaigns that grow by themselves: when publications have used up their codes,
//! the control plane is asked for more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use promo_decision::{Reason, Refusal};

use crate::{call::Call, control, definitions::IssuedCampaign};

const GROW: &str = "/promo.internal.Codes/Grow";

type Turn = Arc<tokio::sync::Mutex<Room>>;

/// Whose turn it is to ask for a campaign's codes: of many publications that
/// found none at the same time, one asks and the others wait for what it gets.
#[derive(Default)]
pub struct Turns {
    campaigns: Mutex<HashMap<(Arc<str>, u32), Turn>>,
}

impl Turns {
    fn of(&self, project: &Arc<str>, campaign: u32) -> Turn {
        let mut campaigns = self
            .campaigns
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let turn = campaigns.entry((Arc::clone(project), campaign));
        Arc::clone(turn.or_default())
    }
}

/// For how long what did not fit is not asked for again. Codes of an import that
/// was given up are free again, and a draw may have had bad luck.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// What is known of the room that a campaign's layout has.
#[derive(Default)]
struct Room {
    /// So many codes more did not fit, and when.
    too_many: Option<(u64, Instant)>,
}

impl Room {
    fn has(&self, needed: u64, now: Instant) -> bool {
        self.too_many.is_none_or(|(too_many, since)| {
            needed < too_many || now.duration_since(since) >= REFUSED_FOR
        })
    }
}

/// Has a campaign grow by at least `needed` codes. Returns whether it has more
/// than those of `seen` now, which somebody else may have asked for.
pub async fn grow(call: &Call<'_>, seen: &IssuedCampaign, needed: u64) -> Result<bool, Refusal> {
    let turn = call
        .engine
        .growth
        .of(&call.identity.project, seen.campaign.number);
    let mut room = turn.lock().await;
    if has_grown(call, seen).await? {
        return Ok(true);
    }
    if !room.has(needed, Instant::now()) {
        return Ok(false);
    }
    let request = format!("{} {} {needed}", seen.campaign.id, seen.code_count());
    match control::ask(call, GROW, request).await {
        // What counts is what the store has.
        Ok(_) => has_grown(call, seen).await,
        Err(refusal) if refusal.reason == Reason::CodeSpaceTooSmall => {
            room.too_many = Some((needed, Instant::now()));
            Ok(false)
        }
        Err(refusal) => Err(refusal),
    }
}

async fn has_grown(call: &Call<'_>, seen: &IssuedCampaign) -> Result<bool, Refusal> {
    let project = call.fresh_project().await?;
    let definitions = &call.engine.definitions;
    let now = definitions.campaign(&project, seen.campaign.number).await?;
    Ok(now.is_some_and(|now| now.positions() > seen.positions()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_asks_for_a_campaign_at_a_time_and_others_are_not_held_up() {
        let turns = Turns::default();
        let project: Arc<str> = "k3v9q2aa".into();
        let first = turns.of(&project, 1);
        let _asking = first.lock().await;
        assert!(turns.of(&"k3v9q2aa".into(), 1).try_lock().is_err());
        assert!(turns.of(&project, 2).try_lock().is_ok());
        assert!(turns.of(&"other".into(), 1).try_lock().is_ok());
    }

    #[test]
    fn what_did_not_fit_is_not_asked_for_again_for_a_while() {
        let now = Instant::now();
        let mut room = Room::default();
        assert!(room.has(50, now));
        room.too_many = Some((3, now));
        assert!(room.has(2, now));
        assert!(!room.has(3, now));
        assert!(!room.has(50, now + REFUSED_FOR / 2));
        assert!(room.has(50, now + REFUSED_FOR));
    }
}
