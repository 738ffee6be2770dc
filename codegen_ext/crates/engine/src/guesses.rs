//! The guard against guessing codes. Counters are shared, in the store, and move
//! only when a code is unknown; callers who never guess cost nothing.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use promo_decision::{reason::Reason, refusal::Refusal};

use crate::{keys, store::Store};

/// One key serves many customers, so it may fail this many times as often.
const KEY_ALLOWANCE: u64 = 100;

/// Bounds what guessers can make the engine remember.
const MOST_BLOCKED: usize = 100_000;

/// Who tries codes: a key, and the customer it speaks for if it says so.
#[derive(Clone, Copy)]
pub struct Guesser<'a> {
    /// The caller's project.
    pub project: &'a str,
    /// The caller's key.
    pub key_id: &'a str,
    /// `source_id` of the customer.
    pub customer: Option<&'a str>,
}

impl Guesser<'_> {
    fn names(self, limit: u64) -> impl Iterator<Item = (String, u64)> {
        let key = format!("{}\u{1f}k\u{1f}{}", self.project, self.key_id);
        let customer = self
            .customer
            .map(|customer| (format!("{}\u{1f}c\u{1f}{customer}", self.project), limit));
        std::iter::once((key, limit.saturating_mul(KEY_ALLOWANCE))).chain(customer)
    }
}

/// Remembers who guessed too often, until the window is over.
pub struct Guard {
    limit: u64,
    window_ms: i64,
    blocked: RwLock<HashMap<String, i64>>,
}

impl Guard {
    /// A guard that allows a customer `limit` unknown codes in a window; 0
    /// switches it off.
    pub fn new(limit: u64, window_ms: i64) -> Self {
        Self {
            limit,
            window_ms: window_ms.max(1),
            blocked: RwLock::default(),
        }
    }

    /// Refuses those who guessed too often.
    pub fn check(&self, guesser: Guesser<'_>, now_ms: i64) -> Result<(), Refusal> {
        let blocked = self.blocked.read().unwrap_or_else(PoisonError::into_inner);
        if blocked.is_empty() {
            return Ok(());
        }
        let until = guesser
            .names(self.limit)
            .filter_map(|(name, _)| blocked.get(&name).copied())
            .filter(|until| *until > now_ms)
            .max();
        until.map_or(Ok(()), |until| Err(refusal(until, now_ms)))
    }

    /// Counts unknown codes, and refuses the call that goes beyond what is
    /// allowed: what it found is not for its caller to know. A store that does
    /// not answer counts nothing.
    pub async fn count(
        &self,
        store: &Store,
        guesser: Guesser<'_>,
        unknown: usize,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        if self.limit == 0 || unknown == 0 {
            return Ok(());
        }
        let window = now_ms.div_euclid(self.window_ms);
        let names: Vec<(String, u64)> = guesser.names(self.limit).collect();
        let mut pipeline = redis::pipe();
        for (name, _) in &names {
            let key = keys::guesses(guesser.project, name, window);
            pipeline.cmd("INCRBY").arg(&key).arg(unknown);
            pipeline
                .cmd("PEXPIRE")
                .arg(&key)
                .arg(self.window_ms * 2)
                .ignore();
        }
        let counts: Vec<u64> = match store.query_pipeline(&pipeline).await {
            Ok(counts) => counts,
            Err(error) => {
                tracing::warn!(%error, "guesses.not_counted");
                return Ok(());
            }
        };
        let until = (window + 1) * self.window_ms;
        let mut beyond = false;
        for ((name, limit), count) in names.into_iter().zip(counts) {
            beyond |= count > limit;
            if count >= limit {
                let mut blocked = self.blocked.write().unwrap_or_else(PoisonError::into_inner);
                if blocked.len() >= MOST_BLOCKED {
                    blocked.retain(|_, until| *until > now_ms);
                }
                if blocked.len() < MOST_BLOCKED {
                    blocked.insert(name, until);
                }
            }
        }
        if beyond {
            return Err(refusal(until, now_ms));
        }
        Ok(())
    }

    /// Forgets those whose window is over.
    pub fn forget(&self, now_ms: i64) {
        let mut blocked = self.blocked.write().unwrap_or_else(PoisonError::into_inner);
        blocked.retain(|_, until| *until > now_ms);
    }
}

fn refusal(until: i64, now_ms: i64) -> Refusal {
    let left = (until - now_ms).max(0);
    let mut refusal =
        Refusal::new(Reason::CodeGuessing).with("seconds", (left / 1_000 + 1).to_string());
    refusal.retry_after_ms = u64::try_from(left).ok();
    refusal
}
