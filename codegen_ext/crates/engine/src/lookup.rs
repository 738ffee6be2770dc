//! Gets by id: they read the truth, not a projection.

use std::sync::Arc;

use promo_decision::{Reason, Refusal};

use crate::{
    archive,
    call::Call,
    definitions::IssuedCampaign,
    ids::{LedgerId, PublicationId},
    ledger::{self, Found},
    protocol::promo::v1 as pb,
    publications,
    request::Violations,
    resolve, rollback,
    store::StoreError,
};

/// One publication.
pub async fn publication(
    call: &Call<'_>,
    request: pb::GetPublicationRequest,
) -> Result<pb::Publication, Refusal> {
    let unknown =
        || Refusal::new(Reason::PublicationNotFound).with("publication", request.id.clone());
    let id = PublicationId::parse(&request.id).ok_or_else(unknown)?;
    let project = call.project().await?;
    let campaign = call
        .engine
        .definitions
        .campaign(&project, id.campaign)
        .await?;
    let campaign = campaign.ok_or_else(unknown)?;
    let publication = publications::of_position(call, &campaign, id.position).await?;
    // A further position of a publication is not its id.
    publication
        .filter(|one| one.id == request.id)
        .ok_or_else(unknown)
}

/// How many codes a campaign has, and how many are left.
pub async fn count_codes(
    call: &Call<'_>,
    request: pb::CountCodesRequest,
) -> Result<pb::CountCodesResponse, Refusal> {
    let mut project = call.project().await?;
    let campaign = resolve::campaign(call, &mut project, &request.campaign).await?;
    Ok(counts(call, &campaign).await?)
}

/// Counts the codes of a campaign.
pub async fn counts(
    call: &Call<'_>,
    campaign: &Arc<IssuedCampaign>,
) -> Result<pb::CountCodesResponse, StoreError> {
    let mut command = redis::cmd("GET");
    command.arg(campaign.keys.cursor(campaign.campaign.number));
    let cursor: Option<String> = call.engine.store.query(&command).await?;
    let cursor = cursor.unwrap_or_else(|| "0:0".into());
    let malformed = || StoreError::Unexpected("malformed cursor".into());
    let (next, published) = cursor.split_once(':').ok_or_else(malformed)?;
    let next: i64 = next.parse().map_err(|_| malformed())?;
    let published: i64 = published.parse().map_err(|_| malformed())?;
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let issued = whole(campaign.code_count());
    // Positions ahead may be words that a blocklist leaves out, and codes behind
    // may have been used unpublished: neither are to be handed out.
    let ahead = whole(campaign.positions()) - next;
    Ok(pb::CountCodesResponse {
        issued_count: issued,
        published_count: published,
        unpublished_count: ahead.min(issued - published).max(0),
    })
}

/// The codes of a campaign that a customer holds.
pub async fn held_codes(
    call: &Call<'_>,
    request: pb::ListHeldCodesRequest,
) -> Result<pb::ListHeldCodesResponse, Refusal> {
    let mut violations = Violations::default();
    violations.required("campaign", &request.campaign, 128);
    violations.required("customer", &request.customer, 256);
    violations.check()?;
    let mut project = call.project().await?;
    let campaign = resolve::campaign(call, &mut project, &request.campaign).await?;
    let (keys, number) = (&campaign.keys, campaign.campaign.number);
    let first = keys.customer_publication(number, &request.customer);
    let further = keys.further_publications(number, &request.customer);
    let mut pipeline = redis::pipe();
    pipeline.cmd("GET").arg(first);
    pipeline.cmd("LRANGE").arg(further).arg(0).arg(-1);
    let (first, further): (Option<u64>, Vec<u64>) =
        call.engine.store.query_pipeline(&pipeline).await?;
    let positions: Vec<u64> = first.into_iter().chain(further).collect();
    Ok(pb::ListHeldCodesResponse {
        publications: publications::at(call, &campaign, &positions).await?,
    })
}

/// One redemption, with what has become of it.
pub async fn redemption(
    call: &Call<'_>,
    request: pb::GetRedemptionRequest,
) -> Result<pb::Redemption, Refusal> {
    let unknown =
        || Refusal::new(Reason::RedemptionNotFound).with("redemption", request.id.clone());
    let id = LedgerId::parse_redemption(&request.id).ok_or_else(unknown)?;
    let kept = match ledger::read(call, id).await? {
        Found::Here(found) => redemption_of(found.entry),
        Found::Elsewhere => None,
        Found::Never => return Err(unknown()),
    };
    let mut undone = rollback::undone(call, id).await?;
    let redemption = match kept {
        Some(kept) if rollback::is_marked(call, &kept) => Some(kept),
        kept => {
            let archived = archive::redemption(call, id).await?;
            if let Some(archived) = &archived {
                undone.add_archived(archived);
            }
            archived.or(kept)
        }
    };
    let mut redemption = redemption.ok_or_else(unknown)?;
    rollback::describe(&mut redemption, &undone);
    Ok(redemption)
}

fn redemption_of(entry: pb::LedgerEntry) -> Option<pb::Redemption> {
    match entry.fact {
        Some(pb::ledger_entry::Fact::Redemption(redemption)) => Some(redemption),
        _ => None,
    }
}
