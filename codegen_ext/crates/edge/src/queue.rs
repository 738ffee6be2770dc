//! The places for what the engine asks the control plane.
//!
//! Callers who ask for much wait for each other, not others for them: a key waits
//! for places of its own before it waits for one of all. Its line is bounded, since
//! each call that stands in it is one of those that the server has in flight.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use promo_decision::refusal::Refusal;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::failure::overloaded;

/// Asked at a time: with the calls that callers have under way as many as the
/// control plane answers at once.
const MOST: usize = 32;
/// Asked at a time on behalf of one key.
const MOST_OF_KEY: usize = 8;
/// Those that a key may have, with those that wait for a place: as many as a batch
/// runs at a time. Of one that waits for a slow control plane parts may be refused,
/// each with its own answer.
const LONGEST_LINE: usize = 256;
/// How long a place is waited for. What follows takes time too, and callers have
/// ten seconds where they say nothing else.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// After how long a caller who got none may try again.
const RETRY_MS: u64 = 1_000;
/// Keys remembered before those that ask nothing are forgotten.
const MOST_REMEMBERED: usize = 1_000;

/// The places.
pub struct Queue {
    all: Arc<Semaphore>,
    keys: Mutex<HashMap<Arc<str>, Arc<Own>>>,
}

/// What a key has.
struct Own {
    line: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// A place that is taken until this is dropped.
pub struct Turn {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _line: OwnedSemaphorePermit,
}

impl Queue {
    /// Nobody has any place yet.
    pub fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MOST)),
            keys: Mutex::default(),
        }
    }

    /// Waits for a place; refuses when too many of the key wait already, or none
    /// was free for long.
    pub async fn enter(&self, key_id: &Arc<str>) -> Result<Turn, Refusal> {
        let own = self.of_key(key_id);
        let line = Arc::clone(&own.line).try_acquire_owned();
        let line = line.map_err(|_| overloaded(LONGEST_LINE, RETRY_MS))?;
        let turn = async {
            let own = Arc::clone(&own.places).acquire_owned().await.ok()?;
            let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some((own, all))
        };
        match timeout(LONGEST_WAIT, turn).await {
            Ok(Some((own, all))) => Ok(Turn {
                _all: all,
                _own: own,
                _line: line,
            }),
            _ => Err(overloaded(MOST_OF_KEY, RETRY_MS)),
        }
    }

    fn of_key(&self, key_id: &Arc<str>) -> Arc<Own> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_REMEMBERED {
            keys.retain(|_, own| Arc::strong_count(own) > 1 || own.is_in_use());
        }
        let own = keys.entry(Arc::clone(key_id)).or_insert_with(|| {
            Arc::new(Own {
                line: Arc::new(Semaphore::new(LONGEST_LINE)),
                places: Arc::new(Semaphore::new(MOST_OF_KEY)),
            })
        });
        Arc::clone(own)
    }
}

impl Own {
    fn is_in_use(&self) -> bool {
        self.line.available_permits() < LONGEST_LINE
    }
}

#[cfg(test)]
mod tests {
    use promo_decision::reason::Reason;
    use tokio::task::JoinSet;

    use super::*;

    /// Places of a key, as many as it gets.
    async fn fill(queue: &Queue, key: &str) -> Vec<Turn> {
        let key = Arc::from(key);
        let mut taken = Vec::new();
        while let Ok(turn) = queue.enter(&key).await {
            taken.push(turn);
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_asks_for_much_leaves_places_for_others() {
        let queue = Queue::new();
        let greedy = fill(&queue, "a").await;
        assert_eq!(greedy.len(), MOST_OF_KEY);
        assert_eq!(fill(&queue, "b").await.len(), MOST_OF_KEY);
        drop(greedy);
        assert_eq!(fill(&queue, "a").await.len(), MOST_OF_KEY);
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_of_a_key_has_an_end_and_who_waits_too_long_is_told_to_come_back() {
        let queue = Arc::new(Queue::new());
        let key = Arc::from("a");
        let mut line = JoinSet::new();
        for _ in 0..LONGEST_LINE {
            let (queue, key) = (Arc::clone(&queue), Arc::clone(&key));
            line.spawn(async move { queue.enter(&key).await });
        }
        while queue.of_key(&key).line.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let begun = tokio::time::Instant::now();
        let refusal = queue.enter(&key).await.err().unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(refusal.reason, Reason::Overloaded);
        assert!(queue.enter(&"b".into()).await.is_ok());

        let turns = line.join_all().await;
        let mut refused = turns.iter().filter_map(|turn| turn.as_ref().err());
        assert!(refused.all(|refusal| {
            refusal.reason == Reason::Overloaded && refusal.retry_after_ms.is_some()
        }));
        let got = turns.iter().filter(|turn| turn.is_ok()).count();
        assert_eq!(got, MOST_OF_KEY);
    }
}
