//! Batches: many calls in one message, each with its own result. They run
//! concurrently, and their commits share the connection's pipeline.

use std::future::Future;

use futures_util::future::join_all;
use promo_decision::Refusal;

use crate::{
    call::Call, convert, protocol::promo::v1 as pb, publish as publishing, redeem as redeeming,
    status, validate as validating,
};

const MOST_REQUESTS: usize = 1_000;

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
    Ok(join_all(requests.into_iter().map(run))
        .await
        .into_iter()
        .map(wrap)
        .collect())
}
