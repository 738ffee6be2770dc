//! What a key may do in a second, counted in the store for all servers.

use crate::{
    keys,
    store::{Store, StoreError},
};

/// How long a second is remembered after it began.
const KEEP_MS: u64 = 5_000;
/// How far ahead a batch takes calls: as far as the largest reaches where one call
/// is allowed in a second, and nobody else makes any.
const MOST_SECONDS_AHEAD: u64 = 1_000;

/// Calls granted of those wanted in the second of `now_ms`.
pub async fn lease(
    store: &Store,
    key_id: &str,
    want: u64,
    limit: u64,
    now_ms: i64,
) -> Result<u64, StoreError> {
    take(store, key_id, &[want], limit, now_ms, 0).await
}

/// Takes calls out of the second of `now_ms` and of those after it, as many of each
/// as it has left. Where all of the seconds in reach are used up the rest is let go.
pub async fn take_ahead(
    store: &Store,
    key_id: &str,
    calls: u64,
    limit: u64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let (mut rest, mut ahead) = (calls, 0);
    while rest > 0 && ahead < MOST_SECONDS_AHEAD {
        let seconds = rest.div_ceil(limit);
        let wants: Vec<u64> = (0..seconds)
            .map(|second| limit.min(rest - second * limit))
            .collect();
        rest -= take(store, key_id, &wants, limit, now_ms, ahead).await?;
        ahead += seconds;
    }
    Ok(())
}

/// Takes what is wanted of each second, the first of which lies `ahead` of that of
/// `now_ms`; how much of it was left there, in all.
async fn take(
    store: &Store,
    key_id: &str,
    wants: &[u64],
    limit: u64,
    now_ms: i64,
    ahead: u64,
) -> Result<u64, StoreError> {
    let mut pipeline = redis::pipe();
    for (ahead, want) in (ahead..).zip(wants) {
        let second = now_ms.div_euclid(1_000).saturating_add_unsigned(ahead);
        let key = keys::rate(key_id, second);
        pipeline.cmd("INCRBY").arg(&key).arg(want);
        let keep_ms = KEEP_MS + 1_000 * ahead;
        pipeline.cmd("PEXPIRE").arg(&key).arg(keep_ms).ignore();
    }
    let totals: Vec<u64> = store.query_pipeline(&pipeline).await?;
    let granted = wants.iter().zip(totals).map(|(want, total)| {
        let before = total.saturating_sub(*want);
        limit.saturating_sub(before).min(*want)
    });
    Ok(granted.sum())
}
