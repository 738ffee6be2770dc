//! Lists live holds, by their end.

use promo_decision::Refusal;

use crate::{
    call::Call,
    definitions::Project,
    hold_schedule::{Schedule, Scheduled},
    holds::{self, Hold},
    protocol::promo::v1 as pb,
    session_filter::Wanted,
};

/// How many holds one call looks at, at most and about: of those, few may be wanted.
const MOST_LOOKED_AT: usize = 10_000;

/// How many records are read at a time.
const FEWEST_AT_ONCE: usize = 16;
const MOST_AT_ONCE: usize = 256;

/// A page of live holds.
pub async fn list(
    call: &Call<'_>,
    request: pb::ListSessionsRequest,
) -> Result<pb::ListSessionsResponse, Refusal> {
    let wanted = Wanted::of(&request)?;
    let mut project = call.project().await?;
    let after = wanted.place(&project.id, &request.page_token)?;
    let filter = wanted.filter(call, &mut project).await?;
    let span = wanted.span(call.now_ms);
    let page = |sessions, last: Option<&Scheduled>| pb::ListSessionsResponse {
        sessions,
        next_page_token: last.map_or_else(String::new, |last| wanted.token(&project.id, last)),
    };
    let (partitions, size) = (project.partitions, wanted.size);
    let mut schedule = Schedule::new(&project.id, partitions, span, after.as_ref(), size);
    let mut sessions = Vec::new();
    loop {
        let ready = schedule.read(&call.engine.store).await?;
        for piece in ready.chunks(size.clamp(FEWEST_AT_ONCE, MOST_AT_ONCE)) {
            let found = live(call, &project, piece).await?;
            for (scheduled, hold) in piece.iter().zip(found) {
                let hold = hold.filter(|hold| filter.lets_through(&hold.record));
                sessions.extend(hold.map(|hold| hold.session()));
                if sessions.len() == size {
                    return Ok(page(sessions, Some(scheduled)));
                }
            }
        }
        match schedule.horizon() {
            None => return Ok(page(sessions, None)),
            // However many end in one millisecond, the next page has to begin later.
            Some(place) if Some(place) == after.as_ref() => {}
            Some(place) if schedule.looked_at() >= MOST_LOOKED_AT => {
                return Ok(page(sessions, Some(place)));
            }
            Some(_) => {}
        }
    }
}

/// The holds that are scheduled, where they are live.
async fn live(
    call: &Call<'_>,
    project: &Project,
    scheduled: &[Scheduled],
) -> Result<Vec<Option<Hold>>, Refusal> {
    let places = scheduled.iter().map(|one| holds::parse_member(&one.member));
    let places: Vec<_> = places.flatten().collect();
    let found = holds::at(&call.engine.store, project, &places).await?;
    let found = scheduled.iter().zip(found).map(|(one, hold)| {
        // The key may have begun another hold since.
        hold.filter(|hold| hold.live(call.now_ms) && hold.record.expire_ms == one.expire_ms)
    });
    Ok(found.collect())
}
