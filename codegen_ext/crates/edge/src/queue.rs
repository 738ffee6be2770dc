//! The places for what the engine asks the control plane.
//!
//! Callers who ask for much wait for each other, not others for them: a key waits
//! for places of its own before it waits for one of all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Asked at a time: with the calls that callers have under way as many as the
/// control plane answers at once.
const MOST: usize = 32;
/// Asked at a time on behalf of one key.
const MOST_OF_KEY: usize = 8;
/// Keys remembered before those that ask nothing are forgotten.
const MOST_REMEMBERED: usize = 1_000;

/// The places.
pub struct Queue {
    all: Arc<Semaphore>,
    keys: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

/// A place that is taken until this is dropped.
pub type Turn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Queue {
    /// Nobody has any place yet.
    pub fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MOST)),
            keys: Mutex::default(),
        }
    }

    /// Waits for a place; nothing when there is never going to be one.
    pub async fn enter(&self, key_id: &Arc<str>) -> Option<Turn> {
        let own = self.of_key(key_id).acquire_owned().await.ok()?;
        let place = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some((own, place))
    }

    fn of_key(&self, key_id: &Arc<str>) -> Arc<Semaphore> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_REMEMBERED {
            keys.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let places = keys
            .entry(Arc::clone(key_id))
            .or_insert_with(|| Arc::new(Semaphore::new(MOST_OF_KEY)));
        Arc::clone(places)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn fill(queue: &Queue, key: &str) -> Vec<Turn> {
        let key = Arc::from(key);
        let mut taken = Vec::new();
        while let Ok(turn) = timeout(Duration::from_millis(20), queue.enter(&key)).await {
            taken.extend(turn);
        }
        taken
    }

    #[tokio::test]
    async fn a_key_that_asks_for_much_leaves_places_for_others() {
        let queue = Queue::new();
        let greedy = fill(&queue, "a").await;
        assert_eq!(greedy.len(), MOST_OF_KEY);
        assert_eq!(fill(&queue, "b").await.len(), MOST_OF_KEY);
        drop(greedy);
        assert_eq!(fill(&queue, "a").await.len(), MOST_OF_KEY);
    }
}
