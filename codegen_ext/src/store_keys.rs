//! Key names and ids for the Python half, which spells none itself.

use promo_engine::{
    ids::{self, LedgerId, PublicationId},
    keys::{self, Keys, Partition},
    ledger, stored_codes,
};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyBytes};

fn of_campaign(project: &str, number: u32, partitions: u8) -> Keys {
    Keys::new(project, Partition::of_campaign(number, partitions))
}

/// Key of a campaign's bundle.
#[pyfunction]
pub fn bundle_key(project: &str, number: u32, partitions: u8) -> String {
    of_campaign(project, number, partitions).bundle(number)
}

/// Key of the version of a campaign's bundle.
#[pyfunction]
pub fn bundle_version_key(project: &str, number: u32, partitions: u8) -> String {
    of_campaign(project, number, partitions).bundle_version(number)
}

/// Key of a project's bundle.
#[pyfunction]
pub fn project_bundle_key(project: &str) -> String {
    keys::project_bundle(project)
}

/// Key of a partition's copy of the project's version.
#[pyfunction]
pub fn project_version_key(project: &str, partition: u8) -> String {
    Keys::new(project, Partition(partition)).project_version()
}

/// Key of the hash of API keys.
#[pyfunction]
pub fn auth_key() -> &'static str {
    keys::AUTH
}

/// Key that counts changes of definitions and keys.
#[pyfunction]
pub fn epoch_key() -> &'static str {
    keys::EPOCH
}

/// What a key keeps, and the tag of its partition; `None` where there is none.
#[pyfunction]
pub fn describe_key(key: &str) -> (Option<&'static str>, Option<&str>) {
    (keys::kind(key), keys::partition_tag(key))
}

/// Key of a partition's ledger.
#[pyfunction]
pub fn ledger_key(project: &str, partition: u8) -> String {
    Keys::new(project, Partition(partition)).ledger()
}

/// Key of a partition's outbox.
#[pyfunction]
pub fn outbox_key(project: &str, partition: u8) -> String {
    Keys::new(project, Partition(partition)).outbox()
}

/// Key of a partition's holds by expiry.
#[pyfunction]
pub fn holds_key(project: &str, partition: u8) -> String {
    Keys::new(project, Partition(partition)).holds()
}

/// Key of the hash of holders of a campaign's codes in one bucket of positions.
#[pyfunction]
pub fn holders_key(project: &str, number: u32, bucket: u64, partitions: u8) -> String {
    of_campaign(project, number, partitions).holders(number, bucket)
}

/// Key of the first position of a customer's first publication of a campaign.
#[pyfunction]
pub fn customer_publication_key(
    project: &str,
    number: u32,
    customer: &str,
    partitions: u8,
) -> String {
    of_campaign(project, number, partitions).customer_publication(number, customer)
}

/// Key of the list of the first positions of a customer's further publications of
/// a campaign.
#[pyfunction]
pub fn further_publications_key(
    project: &str,
    number: u32,
    customer: &str,
    partitions: u8,
) -> String {
    of_campaign(project, number, partitions).further_publications(number, customer)
}

/// Key of the first position of the publication with a caller's own id.
#[pyfunction]
pub fn source_key(project: &str, number: u32, source_id: &str, partitions: u8) -> String {
    of_campaign(project, number, partitions).source(number, source_id)
}

/// Key of the marks of what was rolled back of the redemption at a place.
#[pyfunction]
pub fn rolled_back_key(project: &str, partition: u8, stream_id: &str) -> String {
    Keys::new(project, Partition(partition)).rolled_back(stream_id)
}

/// Key that leads from a stored code to "campaign number:position".
#[pyfunction]
pub fn stored_code_key(project: &str, code: &str, partitions: u8) -> String {
    keys::stored_code(project, code, partitions)
}

/// Key of the hash of a campaign's stored codes in one bucket of positions.
#[pyfunction]
pub fn stored_codes_key(project: &str, number: u32, bucket: u64, partitions: u8) -> String {
    of_campaign(project, number, partitions).stored_codes(number, bucket)
}

/// Commands, ready to be sent, that put stored codes at consecutive positions, and
/// how many they are. One code on each line of `codes`.
#[pyfunction]
pub fn put_stored_codes<'py>(
    py: Python<'py>,
    project: &str,
    number: u32,
    first_position: u64,
    codes: &str,
    partitions: u8,
) -> (Bound<'py, PyBytes>, usize) {
    let (commands, count) =
        py.detach(|| stored_codes::put(project, number, first_position, codes.lines(), partitions));
    (PyBytes::new(py, &commands), count)
}

/// Positions that share a bucket of holders or of stored codes.
#[pyfunction]
pub fn positions_per_bucket() -> u64 {
    keys::HOLDERS_PER_BUCKET
}

/// Position of the first code that a caller named in a campaign with computed
/// codes.
#[pyfunction]
pub fn named_from() -> u64 {
    keys::NAMED_FROM
}

/// Key of how far the publication of a campaign's codes is.
#[pyfunction]
pub fn cursor_key(project: &str, number: u32, partitions: u8) -> String {
    of_campaign(project, number, partitions).cursor(number)
}

/// Key of a limit by its name in the ledger. For a single-use code it is a page
/// of bits, and the offset in it is the second value; otherwise that is none.
#[pyfunction]
pub fn limit_key(
    project: &str,
    limit: &str,
    single_use: bool,
    partitions: u8,
) -> PyResult<(String, Option<u64>)> {
    let malformed = || PyValueError::new_err(format!("{limit:?} names no limit"));
    let number = keys::campaign_of_limit(limit).ok_or_else(malformed)?;
    let campaign = of_campaign(project, number, partitions);
    if !single_use {
        return Ok((campaign.named(limit), None));
    }
    let position = keys::position_of_limit(limit).ok_or_else(malformed)?;
    let page = keys::page(number, position / keys::PAGE_SIZE);
    Ok((campaign.named(&page), Some(position % keys::PAGE_SIZE)))
}

/// Number of the campaign that a limit is of, by its name in the ledger.
#[pyfunction]
pub fn campaign_of_limit(limit: &str) -> Option<u32> {
    keys::campaign_of_limit(limit)
}

/// Key of the slots that were given back to a limit.
#[pyfunction]
pub fn free_slots_key(project: &str, limit: &str, partitions: u8) -> PyResult<String> {
    let malformed = || PyValueError::new_err(format!("{limit:?} names no limit"));
    let number = keys::campaign_of_limit(limit).ok_or_else(malformed)?;
    Ok(of_campaign(project, number, partitions).free_slots(limit))
}

/// Id of the customer whom a project calls `source_id`.
#[pyfunction]
pub fn customer_id(project: &str, source_id: &str) -> String {
    ids::customer(project, source_id)
}

/// Key of what a voucher that was edited has of its own.
#[pyfunction]
pub fn voucher_override_key(project: &str, number: u32, position: u64, partitions: u8) -> String {
    of_campaign(project, number, partitions).voucher_override(number, position)
}

/// Id of the voucher at a position of a campaign.
#[pyfunction]
pub fn voucher_id(campaign: u32, position: u64) -> String {
    ids::voucher(campaign, position)
}

/// Campaign number and position of the voucher with this id.
#[pyfunction]
pub fn parse_voucher_id(id: &str) -> Option<(u32, u64)> {
    ids::parse_voucher(id)
}

/// Id of the publication that began at a position of a campaign.
#[pyfunction]
pub fn publication_id(campaign: u32, first_position: u64) -> String {
    PublicationId {
        campaign,
        position: first_position,
    }
    .to_string()
}

/// Where the redemption with this id is in the ledger: partition and stream id.
#[pyfunction]
pub fn parse_redemption_id(id: &str) -> Option<(u8, String)> {
    let id = LedgerId::parse_redemption(id)?;
    Some((id.partition.0, id.stream_id()))
}

/// Makes an entry of the ledger whole: the serialized `promo.v1.LedgerEntry` with
/// its ids and results, and the positions that a publication handed out.
#[pyfunction]
pub fn complete_entry<'py>(
    py: Python<'py>,
    partition: u8,
    stream_id: &str,
    blob: &[u8],
    results: &str,
) -> PyResult<(Bound<'py, PyBytes>, Vec<u64>)> {
    let malformed = || PyValueError::new_err("malformed ledger entry");
    let id = LedgerId::from_stream(Partition(partition), stream_id).ok_or_else(malformed)?;
    let (entry, positions) = ledger::complete(id, blob, results).ok_or_else(malformed)?;
    Ok((PyBytes::new(py, &entry), positions))
}
