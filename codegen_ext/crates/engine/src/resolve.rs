//! From what a shopper typed to a position of a campaign.

use std::sync::Arc;

use promo_decision::{reason::Reason, refusal::Refusal};

use crate::{
    call::Call,
    definitions::{FoundCode, IssuedCampaign, Place, Project},
    keys::{self, Partition},
    store::StoreError,
};

/// A code that was issued.
#[derive(Clone)]
pub struct Located {
    /// The campaign that it belongs to.
    pub campaign: Arc<IssuedCampaign>,
    /// The code as it was issued.
    pub code: String,
    /// Its position in the campaign.
    pub position: u64,
}

/// Codes that were looked up.
pub struct Resolved {
    /// Each code, found or refused.
    pub located: Vec<Result<Located, Refusal>>,
    /// The partitions of the campaigns whose codes were ever issued, deleted ones
    /// as well, each once and in the order of the codes. The call's own records are
    /// in the first; its request id is kept in all of them, because a repeat may
    /// find more of its codes, or fewer.
    pub homes: Vec<Partition>,
}

/// Looks codes up, each on its own. Arithmetic codes need no look-up; for the
/// others the definitions are made sure to be fresh and the stored codes are
/// asked, in one go.
pub async fn codes(
    call: &Call<'_>,
    project: &mut Arc<Project>,
    texts: &[String],
) -> Result<Resolved, Refusal> {
    let mut found: Vec<Option<FoundCode>> = texts.iter().map(|text| project.decode(text)).collect();
    if found.iter().any(Option::is_none) {
        *project = call.fresh_project().await?;
        for (text, found) in texts.iter().zip(&mut found) {
            if found.is_none() {
                *found = project.decode(text);
            }
        }
        stored(call, project, texts, &mut found).await?;
    }
    let mut homes = Vec::with_capacity(1);
    for code in found.iter().flatten() {
        let partition = Partition::of_campaign(code.campaign, project.partitions);
        if !homes.contains(&partition) {
            homes.push(partition);
        }
    }
    let mut located = Vec::with_capacity(texts.len());
    for (text, found) in texts.iter().zip(found) {
        located.push(locate(call, project, text, found).await?);
    }
    Ok(Resolved { located, homes })
}

/// A text as the code that it spells was issued, for looking back: nobody asks
/// whether the code still is. Stored codes, and what is none, are as they are.
pub async fn spelling(
    call: &Call<'_>,
    project: &mut Arc<Project>,
    text: &str,
) -> Result<String, Refusal> {
    let mut found = project.decode(text);
    if found.is_none() {
        *project = call.fresh_project().await?;
        found = project.decode(text);
    }
    Ok(found.map_or_else(|| text.to_owned(), |found| found.code))
}

async fn stored(
    call: &Call<'_>,
    project: &Project,
    texts: &[String],
    found: &mut [Option<FoundCode>],
) -> Result<(), StoreError> {
    let missing: Vec<usize> = (0..texts.len()).filter(|at| found[*at].is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut pipeline = redis::pipe();
    for at in &missing {
        let key = keys::stored_code(&project.id, &texts[*at], project.partitions);
        pipeline.cmd("GET").arg(key);
    }
    let places: Vec<Option<String>> = call.engine.store.query_pipeline(&pipeline).await?;
    for (at, place) in missing.into_iter().zip(places) {
        let Some((campaign, position)) = place.as_deref().and_then(|place| place.split_once(':'))
        else {
            continue;
        };
        if let (Ok(campaign), Ok(position)) = (campaign.parse(), position.parse()) {
            found[at] = Some(FoundCode {
                campaign,
                code: texts[at].clone(),
                place: Place::Position(position),
            });
        }
    }
    Ok(())
}

async fn locate(
    call: &Call<'_>,
    project: &Project,
    text: &str,
    found: Option<FoundCode>,
) -> Result<Result<Located, Refusal>, Refusal> {
    let unknown = || Refusal::new(Reason::CodeNotFound).with("code", text.to_owned());
    let Some(found) = found else {
        return Ok(Err(unknown()));
    };
    let campaign = call
        .engine
        .definitions
        .campaign(project, found.campaign)
        .await?;
    let Some(campaign) = campaign.filter(|campaign| !campaign.campaign.deleted) else {
        return Ok(Err(unknown()));
    };
    let Some(position) = campaign.position(found.place) else {
        return Ok(Err(unknown()));
    };
    Ok(Ok(Located {
        campaign,
        code: found.code,
        position,
    }))
}

/// The campaign with this id or name.
pub async fn campaign(
    call: &Call<'_>,
    project: &mut Arc<Project>,
    id_or_name: &str,
) -> Result<Arc<IssuedCampaign>, Refusal> {
    let unknown = || Refusal::new(Reason::CampaignNotFound).with("campaign", id_or_name.to_owned());
    if project.campaign_number(id_or_name).is_none() {
        *project = call.fresh_project().await?;
    }
    let number = project.campaign_number(id_or_name).ok_or_else(unknown)?;
    let campaign = call.engine.definitions.campaign(project, number).await?;
    campaign
        .filter(|campaign| !campaign.campaign.deleted)
        .ok_or_else(unknown)
}
