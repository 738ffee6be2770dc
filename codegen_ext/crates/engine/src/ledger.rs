//! Entries of the ledger as the store keeps them, made whole again.

use prost::Message as _;

use crate::{
    ids::LedgerId,
    keys::Keys,
    movements,
    plan::{self, Taken},
    protocol::promo::v1 as pb,
    store::{Store, StoreError},
};

/// An entry with the ids and results that only the store could know.
#[derive(Debug)]
pub struct Entry {
    /// What was recorded.
    pub entry: pb::LedgerEntry,
    /// Positions handed out, for a publication.
    pub positions: Vec<u64>,
}

/// Reads one entry; none when it was never there or is in the archive only.
pub async fn read(store: &Store, project: &str, id: LedgerId) -> Result<Option<Entry>, StoreError> {
    let mut command = redis::cmd("XRANGE");
    let stream_id = id.stream_id();
    command
        .arg(Keys::new(project, id.partition).ledger())
        .arg(&stream_id)
        .arg(&stream_id);
    let found: redis::streams::StreamRangeReply = store.query(&command).await?;
    let Some(found) = found.ids.into_iter().next() else {
        return Ok(None);
    };
    let missing = || StoreError::Unexpected("ledger entry without its fields".into());
    let blob: Vec<u8> = found.get("b").ok_or_else(missing)?;
    let results: String = found.get("o").ok_or_else(missing)?;
    let entry = pb::LedgerEntry::decode(blob.as_slice())
        .map_err(|error| StoreError::Unexpected(format!("ledger entry: {error}")))?;
    Ok(Some(whole(entry, id, &results)))
}

/// Completes an entry with its id and results.
pub fn whole(mut entry: pb::LedgerEntry, id: LedgerId, results: &str) -> Entry {
    entry.id = id.entry();
    let mut positions = Vec::new();
    match &mut entry.fact {
        Some(pb::ledger_entry::Fact::Redemption(redemption)) => name_redemption(redemption, id),
        Some(pb::ledger_entry::Fact::Rollback(rollback)) => rollback.id = id.rollback(),
        Some(pb::ledger_entry::Fact::Publication(_)) => {
            positions = results
                .split(',')
                .filter_map(|text| text.parse().ok())
                .collect();
        }
        Some(pb::ledger_entry::Fact::Voucher(_)) | None => {}
    }
    let taken: Vec<Taken> = plan::parse_results(results);
    movements::complete(&mut entry.movements, &taken);
    Entry { entry, positions }
}

/// Gives a redemption and its redeemables their ids.
pub fn name_redemption(redemption: &mut pb::Redemption, id: LedgerId) {
    redemption.id = id.redemption();
    for (place, result) in redemption.results.iter_mut().enumerate() {
        if result.status == pb::RedeemableStatus::Applicable as i32 {
            result.redemption_id = id.redeemable(place);
        }
    }
}

/// Completes an encoded entry; none when it is malformed. Returns it encoded, and
/// the positions that a publication handed out.
pub fn complete(id: LedgerId, blob: &[u8], results: &str) -> Option<(Vec<u8>, Vec<u64>)> {
    let entry = pb::LedgerEntry::decode(blob).ok()?;
    let Entry { entry, positions } = whole(entry, id, results);
    Some((entry.encode_to_vec(), positions))
}
