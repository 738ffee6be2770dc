//! Entries of the ledger as the store keeps them, made whole again.

use prost::Message as _;

use promo_decision::{Reason, Refusal};

use crate::{
    archive,
    call::Call,
    ids::{LedgerId, PublicationId},
    keys::{Keys, Partition},
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
    /// Positions handed out, for a publication that the store still has.
    pub positions: Vec<u64>,
}

impl Entry {
    /// The first position that a publication handed out.
    pub fn first_position(&self) -> Option<u64> {
        let Some(pb::ledger_entry::Fact::Publication(publication)) = &self.entry.fact else {
            return None;
        };
        // In the archive a publication has its id, which tells the same.
        let archived = || PublicationId::parse(&publication.id).map(|id| id.position);
        self.positions.first().copied().or_else(archived)
    }
}

/// What became of an entry of the ledger.
pub enum Found {
    /// The store has it.
    Here(Box<Entry>),
    /// The store does not have it, or not any more: the archive tells whether it was.
    Elsewhere,
    /// There cannot be one yet.
    Never,
}

/// The id of the entry that a plan answered with; `partition` is where it is.
pub fn id(partition: Partition, answer: &[u8]) -> Result<LedgerId, Refusal> {
    let stream_id = std::str::from_utf8(answer).ok();
    let id = stream_id.and_then(|text| LedgerId::from_stream(partition, text));
    id.ok_or_else(|| Refusal::new(Reason::Internal))
}

/// Looks for one entry in the store. What is missing there may have been trimmed,
/// or lost when another server took over.
pub async fn read(call: &Call<'_>, id: LedgerId) -> Result<Found, Refusal> {
    let project = call.project().await?;
    let is_later = i64::try_from(id.milliseconds).is_ok_and(|at_ms| at_ms > call.now_ms);
    if id.partition.0 >= project.partitions {
        return Ok(Found::Never);
    }
    Ok(match stored(&call.engine.store, &project.id, id).await? {
        Some(entry) => Found::Here(Box::new(entry)),
        None if is_later => Found::Never,
        None => Found::Elsewhere,
    })
}

/// Reads one entry from the store, or from the archive where the store does not
/// have it; `name` is what the archive knows it by.
pub async fn find(call: &Call<'_>, id: LedgerId, name: String) -> Result<Option<Entry>, Refusal> {
    match read(call, id).await? {
        Found::Here(entry) => Ok(Some(*entry)),
        Found::Elsewhere => {
            let archived = archive::entry(call, name).await?;
            Ok(archived.map(|entry| Entry {
                entry,
                positions: Vec::new(),
            }))
        }
        Found::Never => Ok(None),
    }
}

async fn stored(store: &Store, project: &str, id: LedgerId) -> Result<Option<Entry>, StoreError> {
    let stream_id = id.stream_id();
    let mut command = redis::cmd("XRANGE");
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
        Some(pb::ledger_entry::Fact::CustomerChange(_) | pb::ledger_entry::Fact::Voucher(_))
        | None => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fact: pb::ledger_entry::Fact, positions: Vec<u64>) -> Entry {
        let entry = pb::LedgerEntry {
            fact: Some(fact),
            ..pb::LedgerEntry::default()
        };
        Entry { entry, positions }
    }

    #[test]
    fn a_publication_has_its_first_position_in_the_store_and_in_the_archive() {
        let publication = |id: &str| {
            pb::ledger_entry::Fact::Publication(pb::Publication {
                id: id.to_owned(),
                ..pb::Publication::default()
            })
        };
        let kept = entry(publication(""), vec![71, 72]);
        assert_eq!(kept.first_position(), Some(71));
        let archived = entry(publication("pub_5_1z"), Vec::new());
        assert_eq!(archived.first_position(), Some(71));
        let redemption = pb::ledger_entry::Fact::Redemption(pb::Redemption::default());
        assert_eq!(entry(redemption, vec![71]).first_position(), None);
    }
}
