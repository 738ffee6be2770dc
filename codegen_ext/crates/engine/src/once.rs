//! Calls that may be repeated: a request id, and what tells its body from another.

use promo_decision::{Reason, Refusal};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{
    call::Call,
    keys::{Keys, Partition},
    plan::{FINGERPRINT_BYTES, Kept, Plan},
    protocol::promo::v1 as pb,
    request::present,
};

/// A request that has an id.
pub trait Repeatable: Message {
    /// The id; empty when the caller gave none.
    fn request_id(&self) -> &str;

    /// The request without its id, and as if it were not only tried: a call that
    /// only checks finds what the real one would.
    fn body(&self) -> Self;
}

macro_rules! repeatable {
    ($($request:ident { $($only_tried:ident)? }),+ $(,)?) => {$(
        impl Repeatable for pb::$request {
            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn body(&self) -> Self {
                Self {
                    request_id: String::new(),
                    $($only_tried: false,)?
                    ..self.clone()
                }
            }
        }
    )+};
}

repeatable!(
    DeleteVoucherRequest { validate_only },
    DisableVoucherRequest { validate_only },
    EnableVoucherRequest { validate_only },
    EraseCustomerRequest { validate_only },
    PublishRequest { validate_only },
    RedeemRequest { validate_only },
    ReleaseSessionRequest { validate_only },
    RollbackRequest { validate_only },
    UpdateVoucherRequest { validate_only },
    UpsertCustomerRequest { validate_only },
    ValidateRequest {},
);

/// Makes a call repeatable.
#[derive(Clone, Copy)]
pub struct Once<'a> {
    /// Letter of the method in the keys of request ids.
    method: char,
    request_id: &'a str,
    /// A hash of the request's canonical bytes without the id.
    fingerprint: [u8; FINGERPRINT_BYTES],
}

impl<'a> Once<'a> {
    /// None when the caller gave no id.
    pub fn of<Request: Repeatable>(method: char, request: &'a Request) -> Option<Self> {
        let request_id = present(request.request_id())?;
        let digest = Sha256::digest(request.body().encode_to_vec());
        let mut fingerprint = [0; FINGERPRINT_BYTES];
        fingerprint.copy_from_slice(&digest[..FINGERPRINT_BYTES]);
        Some(Self {
            method,
            request_id,
            fingerprint,
        })
    }

    /// Adds to a plan that the call is done once; the first answer is kept for a
    /// time in the partition of `keys`. `home` is where the call's records are.
    pub fn guard(self, plan: &mut Plan, keys: &Keys, home: Partition, ttl_ms: i64) {
        let key = keys.request(self.method, self.request_id);
        plan.once(key, self.fingerprint, home, ttl_ms);
    }
}

/// What is kept in some partitions of an earlier call with the same id; refuses an id
/// that belongs to another request with `RequestIdReused`.
pub async fn kept(
    call: &Call<'_>,
    once: Option<Once<'_>>,
    places: &[Keys],
) -> Result<Option<Kept>, Refusal> {
    let Some(asked) = once.filter(|_| !places.is_empty()) else {
        return Ok(None);
    };
    let mut pipeline = redis::pipe();
    for keys in places {
        let key = keys.request(asked.method, asked.request_id);
        pipeline.cmd("GET").arg(key);
    }
    let found: Vec<Option<Vec<u8>>> = call.engine.store.query_pipeline(&pipeline).await?;
    let Some(found) = found.into_iter().flatten().next() else {
        return Ok(None);
    };
    match found.split_at_checked(FINGERPRINT_BYTES) {
        Some((fingerprint, kept)) if fingerprint == asked.fingerprint => {
            let kept = Kept::parse(kept).ok_or_else(|| Refusal::new(Reason::Internal))?;
            Ok(Some(kept))
        }
        _ => Err(reused(once)),
    }
}

/// The same request id came with another body.
pub fn reused(once: Option<Once<'_>>) -> Refusal {
    let request_id = once.map_or("", |once| once.request_id);
    Refusal::new(Reason::RequestIdReused).with("request_id", request_id)
}
