//! How much of the control plane callers may take up at a time.
//!
//! It answers a bounded number of calls at once. Some of these places are kept for
//! what the engine asks on behalf of checkouts, and no key takes them all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use promo_decision::refusal::Refusal;

use crate::failure::overloaded;

/// Calls that callers have under way: fewer than the 256 that the control plane
/// answers at once for each process that calls it.
const MOST_CALLS: usize = 224;
/// Those of one key.
const MOST_CALLS_OF_KEY: usize = 128;
/// Answers that stream, which may take as long as their readers.
const MOST_STREAMS: usize = 64;
/// Those of one key.
const MOST_STREAMS_OF_KEY: usize = 32;
/// After how long a caller who found no place may try again.
const RETRY_MS: u64 = 250;

/// Calls under way.
#[derive(Clone, Copy, Default)]
struct Count {
    calls: usize,
    streams: usize,
}

#[derive(Default)]
struct Counts {
    all: Count,
    by_key: HashMap<Arc<str>, Count>,
}

/// The places that are taken.
#[derive(Default)]
pub struct Shares {
    counts: Mutex<Counts>,
}

impl Shares {
    /// Takes a place for a call of a key, if there is one.
    pub fn enter(self: &Arc<Self>, key_id: &Arc<str>, streams: bool) -> Result<Place, Refusal> {
        let mut counts = self.lock();
        let own = counts.by_key.get(key_id).copied().unwrap_or_default();
        let bounds = [
            (counts.all.calls, MOST_CALLS),
            (own.calls, MOST_CALLS_OF_KEY),
            (counts.all.streams * usize::from(streams), MOST_STREAMS),
            (own.streams * usize::from(streams), MOST_STREAMS_OF_KEY),
        ];
        if let Some((_, most)) = bounds.into_iter().find(|(taken, most)| taken >= most) {
            return Err(overloaded(most, RETRY_MS));
        }
        let own = counts.by_key.entry(Arc::clone(key_id)).or_default();
        own.calls += 1;
        own.streams += usize::from(streams);
        counts.all.calls += 1;
        counts.all.streams += usize::from(streams);
        Ok(Place {
            shares: Arc::clone(self),
            key_id: Arc::clone(key_id),
            streams,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken until this is dropped.
pub struct Place {
    shares: Arc<Shares>,
    key_id: Arc<str>,
    streams: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.shares.lock();
        counts.all.calls -= 1;
        counts.all.streams -= usize::from(self.streams);
        if let Some(own) = counts.by_key.get_mut(&self.key_id) {
            own.calls -= 1;
            own.streams -= usize::from(self.streams);
            if own.calls == 0 {
                counts.by_key.remove(&self.key_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(shares: &Arc<Shares>, key: &str, streams: bool) -> Vec<Place> {
        let key = Arc::from(key);
        std::iter::from_fn(|| shares.enter(&key, streams).ok()).collect()
    }

    #[test]
    fn no_key_takes_all_places_and_streams_leave_some_for_calls() {
        let shares = Arc::new(Shares::default());
        let streams = [fill(&shares, "a", true), fill(&shares, "b", true)];
        assert_eq!(
            streams.each_ref().map(Vec::len),
            [MOST_STREAMS_OF_KEY, MOST_STREAMS - MOST_STREAMS_OF_KEY]
        );
        assert!(fill(&shares, "c", true).is_empty());
        let calls = fill(&shares, "c", false);
        assert_eq!(calls.len(), MOST_CALLS_OF_KEY);
        let others = fill(&shares, "d", false);
        assert_eq!(others.len(), MOST_CALLS - MOST_STREAMS - MOST_CALLS_OF_KEY);
    }

    #[test]
    fn a_place_is_free_again_when_its_call_is_over() {
        let shares = Arc::new(Shares::default());
        drop(fill(&shares, "a", true));
        assert!(shares.lock().by_key.is_empty());
        assert_eq!(fill(&shares, "a", false).len(), MOST_CALLS_OF_KEY);
    }
}
