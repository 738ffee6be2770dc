//! Names of calls that failed by a fault of ours: a caller sees the name, and the
//! log has it beside the cause.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use promo_decision::{reason::Reason, refusal::Refusal};

static PROCESS: LazyLock<u32> = LazyLock::new(|| (RandomState::new().hash_one(0_u8) >> 32) as u32);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A name for a call, unique in this and very likely in other processes.
pub fn next() -> String {
    let count = COUNT.fetch_add(1, Relaxed);
    format!("{:08x}-{count:x}", *PROCESS)
}

/// A refusal as the caller gets it: one that is our fault has a name, under which the
/// log has that `method` failed. What the control plane has failed at has one already,
/// with the cause in its log.
pub fn traceable(method: &str, refusal: Refusal) -> Refusal {
    if refusal.reason != Reason::Internal {
        return refusal;
    }
    let given = refusal.metadata.iter().find(|(key, _)| *key == "request");
    let call_id = match given {
        Some((_, name)) if !name.is_empty() => name.clone(),
        _ => next(),
    };
    tracing::error!(call_id, method, "call.failed");
    Refusal::new(Reason::Internal).with("request", call_id)
}

/// The refusal of a call that panicked; the log has the rest.
pub fn panicked() -> Refusal {
    let call_id = next();
    tracing::error!(call_id, "call.panicked");
    Refusal::new(Reason::Internal).with("request", call_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fault_of_ours_gets_a_name_and_each_its_own() {
        let [first, second] = [0, 1].map(|_| traceable("Redeem", Refusal::new(Reason::Internal)));
        assert_eq!(first.metadata.len(), 1);
        assert_ne!(first.metadata, second.metadata);
        let named = Refusal::new(Reason::Internal).with("request", "a-1");
        assert_eq!(traceable("Redeem", named.clone()).metadata, named.metadata);
        let refusal = Refusal::new(Reason::CodeNotFound).with("code", "A");
        assert_eq!(
            traceable("Redeem", refusal.clone()).metadata,
            refusal.metadata
        );
    }
}
