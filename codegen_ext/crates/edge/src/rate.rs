//! Calls per second of each key, shared by all servers of a store.
//!
//! A server takes small leases of what a key may make in a second and spends
//! them locally, so that the store is asked once per sixty-fourth of the limit
//! and, for all but small limits, no call waits for it: up to one lease may be
//! spent on credit while it is under way. A server can thus pass the limit by a
//! sixty-fourth; what it passed it by is taken off its next second.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use promo_decision::{reason::Reason, refusal::Refusal};

use crate::plane::Plane;

/// Leases that the limit of a second is cut into.
const LEASES_PER_SECOND: u64 = 64;
/// Keys remembered before those that rest are forgotten.
const MOST_KEYS: usize = 10_000;
/// Turns of a call that waits for leases others spend before it.
const MOST_TRIES: usize = 16;

/// What one key has in the current second.
#[derive(Default)]
struct Bucket {
    second: i64,
    granted: u64,
    used: u64,
    leasing: bool,
    exhausted: bool,
}

enum Step {
    Go,
    GoAndLease,
    Wait,
    Refuse,
}

impl Bucket {
    fn step(&mut self, second: i64, lease: u64, credit: u64) -> Step {
        // A call that began before the last second's end may come after one of the
        // next: it spends of that.
        if second > self.second {
            let debt = self.used.saturating_sub(self.granted);
            *self = Self {
                second,
                used: debt,
                ..Self::default()
            };
        }
        if self.used < self.granted {
            self.used += 1;
            let low = self.granted - self.used < lease / 2;
            return self.go(low);
        }
        if self.exhausted {
            return Step::Refuse;
        }
        if self.used < self.granted + credit {
            self.used += 1;
            return self.go(true);
        }
        Step::Wait
    }

    fn go(&mut self, wanting: bool) -> Step {
        if wanting && !self.leasing && !self.exhausted {
            self.leasing = true;
            Step::GoAndLease
        } else {
            Step::Go
        }
    }

    fn receive(&mut self, second: i64, want: u64, granted: u64) {
        // A lease of a second that is over is worth nothing.
        if self.second == second {
            self.granted += granted;
            self.leasing = false;
            self.exhausted = granted < want;
        }
    }
}

/// Buckets of all keys.
pub struct Rates {
    /// Calls of a key per second; 0 for any number.
    limit: u64,
    buckets: RwLock<HashMap<Arc<str>, Arc<Mutex<Bucket>>>>,
}

impl Rates {
    /// Buckets for a limit in calls per second; 0 for any number.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            buckets: RwLock::default(),
        }
    }

    /// Spends one call of a key, or refuses it.
    pub async fn spend<P: Plane>(
        &self,
        plane: &Arc<P>,
        key_id: &Arc<str>,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        if self.limit == 0 {
            return Ok(());
        }
        let second = now_ms.div_euclid(1_000);
        let want = (self.limit / LEASES_PER_SECOND).max(1);
        // A lease of one call is no small part of a small limit: no credit.
        let credit = self.limit / LEASES_PER_SECOND;
        let bucket = self.bucket(key_id, second);
        for _ in 0..MOST_TRIES {
            let (step, now_ms) = {
                let mut bucket = lock(&bucket);
                let step = bucket.step(second, want, credit);
                (step, now_ms.max(bucket.second * 1_000))
            };
            match step {
                Step::Go => return Ok(()),
                Step::GoAndLease => {
                    let lease = take(Arc::clone(plane), key_id, want, self.limit, now_ms, &bucket);
                    tokio::spawn(lease);
                    return Ok(());
                }
                Step::Wait => {
                    let lease = take(Arc::clone(plane), key_id, want, self.limit, now_ms, &bucket);
                    Box::pin(lease).await;
                }
                Step::Refuse => break,
            }
        }
        let mut refusal = Refusal::new(Reason::RateLimited).with("limit", self.limit.to_string());
        refusal.retry_after_ms = u64::try_from(1_000 - now_ms.rem_euclid(1_000)).ok();
        Err(refusal)
    }

    fn bucket(&self, key_id: &Arc<str>, second: i64) -> Arc<Mutex<Bucket>> {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(key_id) {
            return Arc::clone(bucket);
        }
        drop(buckets);
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_KEYS {
            buckets.retain(|_, bucket| lock(bucket).second >= second);
        }
        Arc::clone(buckets.entry(Arc::clone(key_id)).or_default())
    }
}

/// Takes a lease into a bucket. Owns what it needs, to outlive the call.
fn take<P: Plane>(
    plane: Arc<P>,
    key_id: &Arc<str>,
    want: u64,
    limit: u64,
    now_ms: i64,
    bucket: &Arc<Mutex<Bucket>>,
) -> impl Future<Output = ()> + Send + 'static {
    let (key_id, bucket) = (Arc::clone(key_id), Arc::clone(bucket));
    async move {
        let leased = plane.lease(&key_id, want, limit, now_ms).await;
        let mut bucket = lock(&bucket);
        // Without the store every server allows what all together may: calls
        // that need the store fail by themselves, the others need not.
        let granted = leased.unwrap_or_else(|_| want.min(limit.saturating_sub(bucket.granted)));
        bucket.receive(now_ms.div_euclid(1_000), want, granted);
    }
}

fn lock(bucket: &Mutex<Bucket>) -> std::sync::MutexGuard<'_, Bucket> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_the_last_second_spends_of_the_one_that_has_begun() {
        let mut bucket = Bucket {
            second: 7,
            granted: 4,
            ..Bucket::default()
        };
        for second in [8, 7, 8, 7] {
            bucket.step(second, 1, 1);
            bucket.receive(8, 1, 1);
        }
        assert_eq!((bucket.second, bucket.used, bucket.granted), (8, 4, 4));
    }
}
