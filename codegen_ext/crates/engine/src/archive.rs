//! What the store has forgotten: the archive, behind the control plane, has it.

use promo_decision::{Reason, Refusal};
use prost::Message;

use crate::{call::Call, control, ids::LedgerId, protocol::promo::v1 as pb};

const GET_ENTRY: &str = "/promo.internal.Archive/GetEntry";
const GET_REDEMPTION: &str = "/promo.v1.RedemptionService/GetRedemption";

/// One entry of the ledger, whole. `name` is the id of its redemption or
/// rollback, or, of a publication, the entry's own.
pub async fn entry(call: &Call<'_>, name: String) -> Result<Option<pb::LedgerEntry>, Refusal> {
    let answer = control::ask(call, GET_ENTRY, name).await?;
    if answer.is_empty() {
        return Ok(None);
    }
    read(answer).map(Some)
}

/// One redemption, with what has become of it as far as the archive knows.
pub async fn redemption(call: &Call<'_>, id: LedgerId) -> Result<Option<pb::Redemption>, Refusal> {
    let request = pb::GetRedemptionRequest {
        id: id.redemption(),
    };
    match control::ask(call, GET_REDEMPTION, request.encode_to_vec()).await {
        Ok(answer) => read(answer).map(Some),
        Err(refusal) if refusal.reason == Reason::RedemptionNotFound => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

fn read<M: Message + Default>(answer: bytes::Bytes) -> Result<M, Refusal> {
    M::decode(answer).map_err(|error| {
        tracing::error!(%error, "archive.unreadable");
        Refusal::new(Reason::Internal)
    })
}
