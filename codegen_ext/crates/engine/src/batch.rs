//! Batches: many calls in one message, each with its own result. They run
//! concurrently, and their commits go to the store together.

use std::future::Future;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use promo_decision::Refusal;
use prost::{
    Message,
    encoding::{DecodeContext, decode_key, skip_field},
};

use crate::{
    call::Call,
    call_id, convert, engine,
    protocol::{google::rpc::Status, promo::v1 as pb},
    publish as publishing, redeem as redeeming, status, validate as validating,
};

const MOST_REQUESTS: usize = 1_000;

/// Calls of one batch at a time: what keeps the store busy, and no more. A call
/// that comes alone waits behind these, not behind the whole batch.
const MOST_AT_ONCE: usize = 256;

/// How many calls a message makes. One that is refused as a whole is one.
pub fn count(message: &[u8]) -> u64 {
    match requests(message) {
        Some(count @ ..=MOST_REQUESTS) => count.max(1) as u64,
        _ => 1,
    }
}

/// Reads a batch, unless it is one of none or too many: a request takes much more
/// memory than the two bytes that it may come in.
fn read<M: Message + Default>(body: &Bytes) -> Result<M, Refusal> {
    match requests(body) {
        Some(count) if !(1..=MOST_REQUESTS).contains(&count) => {
            let problem = format!("has {count} entries, 1 to {MOST_REQUESTS} are allowed");
            Err(convert::invalid("requests", &problem))
        }
        _ => engine::read(body),
    }
}

/// Entries of the first field, which a batch has its requests in; nothing when it is
/// no message.
fn requests(mut message: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !message.is_empty() {
        let (tag, wire_type) = decode_key(&mut message).ok()?;
        skip_field(wire_type, tag, &mut message, DecodeContext::default()).ok()?;
        count += usize::from(tag == 1);
    }
    Some(count)
}

/// Many redemptions.
pub(crate) async fn redeem(
    call: &Call<'_>,
    body: &Bytes,
) -> Result<pb::BatchRedeemResponse, Refusal> {
    use pb::redeem_result::Outcome;

    let pb::BatchRedeemRequest { requests } = read(body)?;
    let run = |request| redeeming::redeem(call, request);
    let results = each(requests, run, |result| pb::RedeemResult {
        outcome: Some(match result {
            Ok(redemption) => Outcome::Redemption(redemption),
            Err(refusal) => {
                Outcome::Error(error("/promo.v1.RedemptionService/BatchRedeem", refusal))
            }
        }),
    });
    Ok(pb::BatchRedeemResponse {
        results: results.await,
    })
}

/// Many validations.
pub(crate) async fn validate(
    call: &Call<'_>,
    body: &Bytes,
) -> Result<pb::BatchValidateResponse, Refusal> {
    use pb::validate_result::Outcome;

    let pb::BatchValidateRequest { requests } = read(body)?;
    let run = |request| validating::validate(call, request);
    let results = each(requests, run, |result| pb::ValidateResult {
        outcome: Some(match result {
            Ok(validation) => Outcome::Validation(validation),
            Err(refusal) => {
                Outcome::Error(error("/promo.v1.ValidationService/BatchValidate", refusal))
            }
        }),
    });
    Ok(pb::BatchValidateResponse {
        results: results.await,
    })
}

/// Many publications.
pub(crate) async fn publish(
    call: &Call<'_>,
    body: &Bytes,
) -> Result<pb::BatchPublishResponse, Refusal> {
    use pb::publish_result::Outcome;

    let pb::BatchPublishRequest { requests } = read(body)?;
    let run = |request| publishing::publish(call, request);
    let results = each(requests, run, |result| pb::PublishResult {
        outcome: Some(match result {
            Ok(publication) => Outcome::Publication(publication),
            Err(refusal) => {
                Outcome::Error(error("/promo.v1.PublicationService/BatchPublish", refusal))
            }
        }),
    });
    Ok(pb::BatchPublishResponse {
        results: results.await,
    })
}

async fn each<Request, Answer, Result_, Running>(
    requests: Vec<Request>,
    run: impl Fn(Request) -> Running,
    wrap: impl Fn(Result<Answer, Refusal>) -> Result_,
) -> Vec<Result_>
where
    Running: Future<Output = Result<Answer, Refusal>>,
{
    let running = stream::iter(requests.into_iter().map(run)).buffered(MOST_AT_ONCE);
    running.map(wrap).collect().await
}

/// The status of one item that was refused.
fn error(method: &str, refusal: Refusal) -> Status {
    status::status(&call_id::traceable(method, refusal))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::task::yield_now;

    use super::*;

    #[test]
    fn a_batch_is_counted_and_refused_without_being_read() {
        let of = |requests: usize| Bytes::from([10, 0].repeat(requests));
        let counts = [0, 1, 1_000, 1_001].map(|requests| count(&of(requests)));
        assert_eq!(counts, [1, 1, 1_000, 1]);
        let is_read = |body: &Bytes| read::<pb::BatchRedeemRequest>(body).is_ok();
        let read = [0, 1, 1_000, 1_001].map(|requests| is_read(&of(requests)));
        assert_eq!(read, [false, true, true, false]);
        // The second request has fewer bytes than it says.
        let cut = Bytes::from_static(&[10, 0, 10, 5]);
        assert_eq!((count(&cut), is_read(&cut)), (1, false));
    }

    #[tokio::test]
    async fn a_batch_runs_some_calls_at_a_time_and_answers_in_order() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let run = async |request: usize| {
            most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
            for _ in 0..=request % 7 {
                yield_now().await;
            }
            running.fetch_sub(1, Relaxed);
            Ok(request)
        };
        let requests: Vec<usize> = (0..MOST_REQUESTS).collect();
        let answers = each(requests.clone(), run, Result::unwrap).await;
        assert_eq!(answers, requests);
        assert_eq!(most.into_inner(), MOST_AT_ONCE);
    }
}
