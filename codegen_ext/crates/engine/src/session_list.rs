//! Lists live holds: partition by partition, by their end.

use promo_decision::{Reason, Refusal};
use sha2::{Digest as _, Sha256};

use crate::{
    call::Call,
    definitions::Project,
    holds::{self, Hold, Scheduled},
    keys::Partition,
    protocol::promo::v1 as pb,
    request::Violations,
};

const DEFAULT_SIZE: usize = 100;
const LARGEST_SIZE: i32 = 1_000;

/// How many holds one call looks at: with a customer asked for, few may match.
const MOST_LOOKED_AT: usize = 10_000;

const DIGEST_BYTES: usize = 6;

/// The last hold that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    partition: u8,
    hold: Scheduled,
}

/// A page of live holds.
pub async fn list(
    call: &Call<'_>,
    request: pb::ListSessionsRequest,
) -> Result<pb::ListSessionsResponse, Refusal> {
    let size = check(&request)?;
    let project = call.project().await?;
    let binding = binding(&project.id, &request.customer);
    let mut place = match request.page_token.as_str() {
        "" => None,
        token => {
            Some(decode(binding, token).ok_or_else(|| Refusal::new(Reason::PageTokenInvalid))?)
        }
    };
    let first = place.as_ref().map_or(0, |place| place.partition);
    let mut sessions = Vec::new();
    let mut looked_at = 0;
    for partition in holds::with_holds(&call.engine.store, &project, first).await? {
        let mut after = place
            .take()
            .filter(|place| place.partition == partition.0)
            .map(|place| place.hold);
        loop {
            let found = chunk(call, &project, partition, after.as_ref()).await?;
            let Some((last, _)) = found.last() else { break };
            after = Some(last.clone());
            for (scheduled, hold) in found {
                looked_at += 1;
                let wanted = hold.filter(|hold| {
                    request.customer.is_empty() || hold.record.customer == request.customer
                });
                sessions.extend(wanted.map(|hold| hold.session()));
                if sessions.len() == size || looked_at == MOST_LOOKED_AT {
                    let place = Place {
                        partition: partition.0,
                        hold: scheduled,
                    };
                    return Ok(pb::ListSessionsResponse {
                        sessions,
                        next_page_token: encode(binding, &place),
                    });
                }
            }
        }
    }
    Ok(pb::ListSessionsResponse {
        sessions,
        next_page_token: String::new(),
    })
}

async fn chunk(
    call: &Call<'_>,
    project: &Project,
    partition: Partition,
    after: Option<&Scheduled>,
) -> Result<Vec<(Scheduled, Option<Hold>)>, Refusal> {
    Ok(holds::scheduled(&call.engine.store, project, partition, after, call.now_ms).await?)
}

fn check(request: &pb::ListSessionsRequest) -> Result<usize, Refusal> {
    let mut violations = Violations::default();
    violations.text("customer", &request.customer, 256);
    if !(0..=LARGEST_SIZE).contains(&request.page_size) {
        let size = request.page_size;
        violations.add(
            "page_size",
            format!("must be 1 to {LARGEST_SIZE}, is {size}"),
        );
    }
    violations.check()?;
    let size = usize::try_from(request.page_size).unwrap_or(0);
    Ok(if size == 0 { DEFAULT_SIZE } else { size })
}

/// What a token belongs to. It is not signed: it grants nothing.
fn binding(project: &str, customer: &str) -> [u8; DIGEST_BYTES] {
    let digest = Sha256::digest(format!("sessions\0{project}\0{customer}"));
    let mut binding = [0; DIGEST_BYTES];
    binding.copy_from_slice(&digest[..DIGEST_BYTES]);
    binding
}

fn encode(binding: [u8; DIGEST_BYTES], place: &Place) -> String {
    let mut raw = binding.to_vec();
    raw.push(place.partition);
    raw.extend_from_slice(&place.hold.expire_ms.to_be_bytes());
    raw.extend_from_slice(place.hold.member.as_bytes());
    hex::encode(raw)
}

fn decode(binding: [u8; DIGEST_BYTES], token: &str) -> Option<Place> {
    let raw = hex::decode(token).ok()?;
    let rest = raw.strip_prefix(binding.as_slice())?;
    let (partition, rest) = rest.split_first()?;
    let (expire_ms, member) = rest.split_first_chunk::<8>()?;
    Some(Place {
        partition: *partition,
        hold: Scheduled {
            expire_ms: i64::from_be_bytes(*expire_ms),
            member: String::from_utf8(member.to_vec()).ok()?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_place_and_belongs_to_one_list() {
        let place = Place {
            partition: 63,
            hold: Scheduled {
                expire_ms: 1_795_000_000_000,
                member: "3fbasket-é".into(),
            },
        };
        let own = binding("p1", "ada");
        let token = encode(own, &place);
        assert_eq!(decode(own, &token), Some(place));
        for (project, customer) in [("p1", ""), ("p1", "eve"), ("p2", "ada")] {
            assert_eq!(decode(binding(project, customer), &token), None);
        }
        for broken in ["", "x", "00", &token[..20], "é"] {
            assert_eq!(decode(own, broken), None);
        }
    }
}
