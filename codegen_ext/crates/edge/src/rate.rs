//! Calls of each key: those in flight in this process, and those per second, which
//! all servers of a store share.
//!
//! A server takes small leases of what a key may make in a second and spends
//! them locally, so that the store is asked once per sixty-fourth of the limit
//! and, for all but small limits, no call waits for it: up to one lease may be
//! spent on credit while it is under way. A server can thus pass the limit by a
//! sixty-fourth; what it passed it by is taken off its next second. A batch that
//! makes more calls than are left takes those of the seconds after, in the store:
//! all servers find them gone.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use promo_decision::{reason::Reason, refusal::Refusal};

use crate::{config::Limits, failure::overloaded, plane::Plane};

/// Leases that the limit of a second is cut into.
const LEASES_PER_SECOND: u64 = 64;
/// Keys remembered before those that rest are forgotten.
const MOST_KEYS: usize = 10_000;
/// Turns of a call that waits for leases others spend before it.
const MOST_TRIES: usize = 16;
/// After how long a key that has all the calls in flight it may have can try again.
const RETRY_MS: u64 = 50;

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
            *self = Self {
                second,
                used: self.debt_at(second),
                ..Self::default()
            };
        }
        if self.used < self.granted {
            self.used += 1;
            let low = self.granted < self.used + lease / 2;
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

    /// What was used without being granted.
    fn debt(&self) -> u64 {
        self.used.saturating_sub(self.granted)
    }

    /// What a later second has to pay of it. A second that saw no call has paid: a
    /// debt is a small part of one.
    fn debt_at(&self, second: i64) -> u64 {
        if second == self.second + 1 {
            self.debt()
        } else {
            0
        }
    }

    fn is_at_rest(&self, second: i64) -> bool {
        self.second < second && self.debt_at(second) == 0
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

/// What one key does here.
struct Key {
    id: Arc<str>,
    in_flight: AtomicUsize,
    bucket: Mutex<Bucket>,
}

/// A call of a key, in flight until this is dropped.
pub struct InFlight(Arc<Key>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// What all keys do here.
pub struct Rates {
    /// Calls of a key per second; 0 for any number.
    limit: u64,
    /// Calls of a key in flight.
    most_in_flight: usize,
    keys: RwLock<HashMap<Arc<str>, Arc<Key>>>,
}

impl Rates {
    /// What keys may do within the limits. Of the calls in flight a quarter is left
    /// for others, whatever one key does.
    pub fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.calls_per_second_per_key,
            most_in_flight: limits.calls_in_flight - limits.calls_in_flight / 4,
            keys: RwLock::default(),
        }
    }

    /// Lets a call of a key begin, or refuses it.
    pub fn enter(&self, key_id: &Arc<str>, now_ms: i64) -> Result<InFlight, Refusal> {
        let call = InFlight(self.key(key_id, now_ms.div_euclid(1_000)));
        if call.0.in_flight.fetch_add(1, Relaxed) < self.most_in_flight {
            Ok(call)
        } else {
            Err(overloaded(self.most_in_flight, RETRY_MS))
        }
    }

    /// Spends a call, or refuses it.
    pub async fn spend<P: Plane>(
        &self,
        plane: &Arc<P>,
        call: &InFlight,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        if self.limit == 0 {
            return Ok(());
        }
        let key = &call.0;
        let second = now_ms.div_euclid(1_000);
        let lease = (self.limit / LEASES_PER_SECOND).max(1);
        // A lease of one call is no small part of a small limit: no credit.
        let credit = self.limit / LEASES_PER_SECOND;
        for _ in 0..MOST_TRIES {
            let (step, want, now_ms) = {
                let mut bucket = lock(&key.bucket);
                let step = bucket.step(second, lease, credit);
                let want = bucket.debt() + lease;
                (step, want, now_ms.max(bucket.second * 1_000))
            };
            match step {
                Step::Go => return Ok(()),
                Step::GoAndLease => {
                    let lease = take(Arc::clone(plane), key, want, self.limit, now_ms);
                    tokio::spawn(lease);
                    return Ok(());
                }
                Step::Wait => {
                    let lease = take(Arc::clone(plane), key, want, self.limit, now_ms);
                    Box::pin(lease).await;
                }
                Step::Refuse => break,
            }
        }
        let mut refusal = Refusal::new(Reason::RateLimited).with("limit", self.limit.to_string());
        refusal.retry_after_ms = u64::try_from(1_000 - now_ms.rem_euclid(1_000)).ok();
        Err(refusal)
    }

    /// Takes the further calls of a batch out of this second and of those after it.
    pub async fn take_ahead<P: Plane>(
        &self,
        plane: &Arc<P>,
        call: &InFlight,
        calls: u64,
        now_ms: i64,
    ) {
        if self.limit == 0 || calls == 0 {
            return;
        }
        // Without the store the batch fails by itself.
        let taken = plane.take_ahead(&call.0.id, calls, self.limit, now_ms);
        taken.await.ok();
    }

    fn key(&self, key_id: &Arc<str>, second: i64) -> Arc<Key> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(key_id) {
            return Arc::clone(key);
        }
        drop(keys);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_KEYS {
            keys.retain(|_, key| {
                Arc::strong_count(key) > 1 || !lock(&key.bucket).is_at_rest(second)
            });
        }
        let key = keys.entry(Arc::clone(key_id)).or_insert_with(|| {
            Arc::new(Key {
                id: Arc::clone(key_id),
                in_flight: AtomicUsize::new(0),
                bucket: Mutex::default(),
            })
        });
        Arc::clone(key)
    }
}

/// Takes a lease into the bucket of a key. Owns what it needs, to outlive the call.
fn take<P: Plane>(
    plane: Arc<P>,
    key: &Arc<Key>,
    want: u64,
    limit: u64,
    now_ms: i64,
) -> impl Future<Output = ()> + Send + 'static {
    let key = Arc::clone(key);
    async move {
        let leased = plane.lease(&key.id, want, limit, now_ms).await;
        let mut bucket = lock(&key.bucket);
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

    #[test]
    fn what_was_made_on_credit_the_next_second_pays_for() {
        let mut bucket = Bucket {
            second: 7,
            granted: 4,
            used: 6,
            ..Bucket::default()
        };
        assert!(!bucket.is_at_rest(8));
        assert!(bucket.is_at_rest(9));
        bucket.step(8, 1, 1);
        bucket.receive(8, 3, 3);
        assert_eq!((bucket.used, bucket.granted), (2, 3));
    }

    #[test]
    fn no_key_has_all_calls_in_flight() {
        let rates = Rates::new(&Limits {
            calls_in_flight: 8,
            ..Limits::default()
        });
        let (greedy, other) = (Arc::from("a"), Arc::from("b"));
        let mut calls: Vec<_> = std::iter::from_fn(|| rates.enter(&greedy, 0).ok()).collect();
        assert_eq!(calls.len(), 6);
        assert!(rates.enter(&other, 0).is_ok());
        calls.pop();
        assert!(rates.enter(&greedy, 0).is_ok());
    }
}
