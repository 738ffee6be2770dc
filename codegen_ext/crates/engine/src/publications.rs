//! Publications as the store keeps them: with the first position handed out, in
//! the bucket of that position. Further positions of the same publication point
//! to it.

use prost::Message as _;

use crate::{
    call::Call, convert, definitions::IssuedCampaign, ids::PublicationId, keys::HOLDERS_PER_BUCKET,
    protocol::promo::v1 as pb, store::StoreError,
};

/// Publications that one look at the store reads.
const READ_AT_ONCE: usize = 1_000;

/// What is kept at a position.
enum Holder {
    /// A publication: its positions and record.
    First(Vec<u64>, Box<pb::Publication>),
    /// The first position of the publication that this one belongs to.
    Further(u64),
    /// None: the position is not to be handed out.
    Withheld,
}

fn parse(value: &[u8]) -> Result<Holder, StoreError> {
    let malformed = || StoreError::Unexpected("malformed holder".into());
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
    if value == b"-" {
        return Ok(Holder::Withheld);
    }
    if let Some(first) = value.strip_prefix(b">") {
        return Ok(Holder::Further(number(first).ok_or_else(malformed)?));
    }
    let bar = value
        .iter()
        .position(|byte| *byte == b'|')
        .ok_or_else(malformed)?;
    let (positions, record) = value.split_at(bar);
    let positions = positions
        .split(|byte| *byte == b',')
        .map(number)
        .collect::<Option<_>>();
    let record = pb::Publication::decode(&record[1..]).map_err(|_| malformed())?;
    Ok(Holder::First(
        positions.ok_or_else(malformed)?,
        Box::new(record),
    ))
}

async fn holder_at(
    call: &Call<'_>,
    campaign: &IssuedCampaign,
    position: u64,
) -> Result<Option<Holder>, StoreError> {
    let command = holder(campaign, position);
    let value: Option<Vec<u8>> = call.engine.store.query(&command).await?;
    value.map(|value| parse(&value)).transpose()
}

/// Reads what is kept at a position.
fn holder(campaign: &IssuedCampaign, position: u64) -> redis::Cmd {
    let bucket = position / HOLDERS_PER_BUCKET;
    let mut command = redis::cmd("HGET");
    command
        .arg(campaign.keys.holders(campaign.campaign.number, bucket))
        .arg(position % HOLDERS_PER_BUCKET);
    command
}

/// The publication that a position was handed out in; none when it was not.
pub async fn of_position(
    call: &Call<'_>,
    campaign: &IssuedCampaign,
    position: u64,
) -> Result<Option<pb::Publication>, StoreError> {
    let holder = match holder_at(call, campaign, position).await? {
        Some(Holder::Further(first)) => holder_at(call, campaign, first).await?,
        other => other,
    };
    match holder {
        Some(Holder::First(positions, record)) => {
            whole(call, campaign, &positions, *record).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// The publications whose first positions these are, in the same order.
pub async fn at(
    call: &Call<'_>,
    campaign: &IssuedCampaign,
    positions: &[u64],
) -> Result<Vec<pb::Publication>, StoreError> {
    let mut publications = Vec::with_capacity(positions.len());
    for some in positions.chunks(READ_AT_ONCE) {
        let mut pipeline = redis::pipe();
        for position in some {
            pipeline.add_command(holder(campaign, *position));
        }
        let holders: Vec<Option<Vec<u8>>> = call.engine.store.query_pipeline(&pipeline).await?;
        let mut found = Vec::with_capacity(some.len());
        for value in holders.into_iter().flatten() {
            if let Holder::First(positions, record) = parse(&value)? {
                found.push((positions, *record));
            }
        }
        let all: Vec<u64> = found.iter().flat_map(|one| one.0.iter().copied()).collect();
        let mut codes = codes(call, campaign, &all).await?.into_iter();
        for (positions, record) in found {
            let own = codes.by_ref().take(positions.len()).collect();
            publications.push(completed(campaign, &positions, record, own));
        }
    }
    Ok(publications)
}

/// When a code was published, from what is kept at its position.
pub async fn published_ms(
    call: &Call<'_>,
    campaign: &IssuedCampaign,
    holder: &[u8],
) -> Result<Option<i64>, StoreError> {
    let record = match parse(holder)? {
        Holder::First(_, record) => record,
        Holder::Further(first) => match holder_at(call, campaign, first).await? {
            Some(Holder::First(_, record)) => record,
            _ => return Ok(None),
        },
        Holder::Withheld => return Ok(None),
    };
    Ok(record.publish_time.as_ref().map(convert::milliseconds))
}

/// Completes a record with what follows from its positions.
pub async fn whole(
    call: &Call<'_>,
    campaign: &IssuedCampaign,
    positions: &[u64],
    record: pb::Publication,
) -> Result<pb::Publication, StoreError> {
    let codes = codes(call, campaign, positions).await?;
    Ok(completed(campaign, positions, record, codes))
}

fn completed(
    campaign: &IssuedCampaign,
    positions: &[u64],
    record: pb::Publication,
    codes: Vec<String>,
) -> pb::Publication {
    let published_ms = record.publish_time.as_ref().map(convert::milliseconds);
    let first = positions.first().copied().unwrap_or_default();
    let id = PublicationId {
        campaign: campaign.campaign.number,
        position: first,
    };
    pb::Publication {
        id: id.to_string(),
        campaign_id: campaign.campaign.id.clone(),
        campaign: campaign.campaign.name.clone(),
        codes,
        expire_time: campaign
            .campaign
            .expire_ms(published_ms)
            .map(convert::timestamp),
        ..record
    }
}

/// The codes at positions.
pub async fn codes(
    call: &Call<'_>,
    campaign: &IssuedCampaign,
    positions: &[u64],
) -> Result<Vec<String>, StoreError> {
    let issued = campaign.positions();
    if positions.iter().all(|position| *position < issued) {
        return issued_codes(call, campaign, positions).await;
    }
    // Another process has handed out codes that were added since this one read
    // the campaign.
    let definitions = &call.engine.definitions;
    let newer = match definitions.project(&call.identity.project).await? {
        Some(seen) => definitions.refresh(&seen).await?,
        None => None,
    };
    let newer = match newer {
        Some(project) => {
            let number = campaign.campaign.number;
            definitions.campaign(&project, number).await?
        }
        None => None,
    };
    issued_codes(call, newer.as_deref().unwrap_or(campaign), positions).await
}

/// The codes at positions that the campaign has: computed, or read where they
/// are stored.
async fn issued_codes(
    call: &Call<'_>,
    campaign: &IssuedCampaign,
    positions: &[u64],
) -> Result<Vec<String>, StoreError> {
    let unissued = || StoreError::Unexpected("a position that was not issued".into());
    if let Some(codec) = &campaign.codec {
        return positions
            .iter()
            .map(|position| codec.encode(campaign.index(*position)?))
            .collect::<Option<_>>()
            .ok_or_else(unissued);
    }
    let mut pipeline = redis::pipe();
    for position in positions {
        let bucket = position / HOLDERS_PER_BUCKET;
        pipeline
            .cmd("HGET")
            .arg(campaign.keys.stored_codes(campaign.campaign.number, bucket))
            .arg(position % HOLDERS_PER_BUCKET);
    }
    let codes: Vec<Option<String>> = call.engine.store.query_pipeline(&pipeline).await?;
    codes
        .into_iter()
        .collect::<Option<_>>()
        .ok_or_else(unissued)
}
