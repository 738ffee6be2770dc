//! Batches: many calls in one message, each with its own result. They run
//! concurrently, and their commits go to the store together.

use std::future::Future;

use futures_util::{StreamExt, stream};
use promo_decision::Refusal;

use crate::{
    call::Call, convert, protocol::promo::v1 as pb, publish as publishing, redeem as redeeming,
    status, validate as validating,
};

const MOST_REQUESTS: usize = 1_000;

/// Calls of one batch at a time: what keeps the store busy, and no more. A call
/// that comes alone waits behind these, not behind the whole batch.
const MOST_AT_ONCE: usize = 256;

/// Many redemptions.
pub async fn redeem(
    call: &Call<'_>,
    batch: pb::BatchRedeemRequest,
) -> Result<pb::BatchRedeemResponse, Refusal> {
    use pb::redeem_result::Outcome;

    let run = |request| redeeming::redeem(call, request);
    let results = each(batch.requests, run, |result| pb::RedeemResult {
        outcome: Some(match result {
            Ok(redemption) => Outcome::Redemption(redemption),
            Err(refusal) => Outcome::Error(status::status(&refusal)),
        }),
    });
    Ok(pb::BatchRedeemResponse {
        results: results.await?,
    })
}

/// Many validations.
pub async fn validate(
    call: &Call<'_>,
    batch: pb::BatchValidateRequest,
) -> Result<pb::BatchValidateResponse, Refusal> {
    use pb::validate_result::Outcome;

    let run = |request| validating::validate(call, request);
    let results = each(batch.requests, run, |result| pb::ValidateResult {
        outcome: Some(match result {
            Ok(validation) => Outcome::Validation(validation),
            Err(refusal) => Outcome::Error(status::status(&refusal)),
        }),
    });
    Ok(pb::BatchValidateResponse {
        results: results.await?,
    })
}

/// Many publications.
pub async fn publish(
    call: &Call<'_>,
    batch: pb::BatchPublishRequest,
) -> Result<pb::BatchPublishResponse, Refusal> {
    use pb::publish_result::Outcome;

    let run = |request| publishing::publish(call, request);
    let results = each(batch.requests, run, |result| pb::PublishResult {
        outcome: Some(match result {
            Ok(publication) => Outcome::Publication(publication),
            Err(refusal) => Outcome::Error(status::status(&refusal)),
        }),
    });
    Ok(pb::BatchPublishResponse {
        results: results.await?,
    })
}

async fn each<Request, Answer, Result_, Running>(
    requests: Vec<Request>,
    run: impl Fn(Request) -> Running,
    wrap: impl Fn(Result<Answer, Refusal>) -> Result_,
) -> Result<Vec<Result_>, Refusal>
where
    Running: Future<Output = Result<Answer, Refusal>>,
{
    if requests.is_empty() || requests.len() > MOST_REQUESTS {
        let count = requests.len();
        let problem = format!("has {count} entries, 1 to {MOST_REQUESTS} are allowed");
        return Err(convert::invalid("requests", &problem));
    }
    let running = stream::iter(requests.into_iter().map(run)).buffered(MOST_AT_ONCE);
    Ok(running.map(wrap).collect().await)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::task::yield_now;

    use super::*;

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
        assert_eq!(answers.unwrap(), requests);
        assert_eq!(most.into_inner(), MOST_AT_ONCE);
    }
}
