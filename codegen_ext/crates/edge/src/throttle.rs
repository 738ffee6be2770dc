//! Failed authentications per peer.
//!
//! Tokens cannot be guessed, but trying costs the store a look-up each. A peer
//! that fails too often is refused unseen, except for credentials that worked
//! before: behind one address there may be many callers, one of them broken.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::BuildHasher,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use promo_decision::{reason::Reason, refusal::Refusal};

/// Peers and credentials remembered before some are forgotten.
const MOST_REMEMBERED: usize = 10_000;

struct Peer {
    failures: f64,
    since: Instant,
}

impl Peer {
    /// One failure is forgiven per second.
    fn failures_at(&self, now: Instant) -> f64 {
        (self.failures - now.saturating_duration_since(self.since).as_secs_f64()).max(0.0)
    }
}

/// Failures of all peers.
pub struct Throttle {
    most_failures: u32,
    peers: Mutex<HashMap<IpAddr, Peer>>,
    /// Size of the map, to leave the lock alone while nobody fails.
    failing: AtomicUsize,
    /// Hashes, keyed by this process, of credentials that worked.
    worked: RwLock<HashSet<u64>>,
    hasher: RandomState,
}

impl Throttle {
    /// A throttle that lets a peer pile up so many failures; 0 for any number.
    pub fn new(most_failures: u32) -> Self {
        Self {
            most_failures,
            peers: Mutex::default(),
            failing: AtomicUsize::new(0),
            worked: RwLock::default(),
            hasher: RandomState::new(),
        }
    }

    /// Refuses a peer that failed too often, unless it brings credentials that
    /// worked before.
    pub fn check(&self, peer: IpAddr, credentials: &str, now: Instant) -> Result<(), Refusal> {
        if self.failing.load(Relaxed) == 0 || self.most_failures == 0 {
            return Ok(());
        }
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = peers
            .get(&network(peer))
            .map_or(0.0, |peer| peer.failures_at(now));
        drop(peers);
        let room = failures + 1.0 <= f64::from(self.most_failures);
        if room || self.has_worked(self.hasher.hash_one(credentials)) {
            return Ok(());
        }
        // One is forgiven a second.
        let mut refusal = Refusal::new(Reason::KeyGuessing).with("seconds", "1");
        refusal.retry_after_ms = Some(1_000);
        Err(refusal)
    }

    /// Remembers credentials that work.
    pub fn succeeded(&self, credentials: &str) {
        let hash = self.hasher.hash_one(credentials);
        if !self.has_worked(hash) {
            let mut worked = self.worked.write().unwrap_or_else(PoisonError::into_inner);
            if worked.len() >= MOST_REMEMBERED {
                worked.clear();
            }
            worked.insert(hash);
        }
    }

    /// Counts a failure of a peer; its credentials may be those of a key that was
    /// revoked.
    pub fn failed(&self, peer: IpAddr, credentials: &str, now: Instant) {
        let hash = self.hasher.hash_one(credentials);
        if self.has_worked(hash) {
            let mut worked = self.worked.write().unwrap_or_else(PoisonError::into_inner);
            worked.remove(&hash);
        }
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= MOST_REMEMBERED {
            peers.retain(|_, peer| peer.failures_at(now) > 0.0);
            if peers.len() >= MOST_REMEMBERED {
                peers.clear();
            }
        }
        let entry = peers.entry(network(peer)).or_insert(Peer {
            failures: 0.0,
            since: now,
        });
        *entry = Peer {
            failures: entry.failures_at(now) + 1.0,
            since: now,
        };
        self.failing.store(peers.len(), Relaxed);
    }

    /// Forgets peers whose failures are all forgiven.
    pub fn tidy(&self, now: Instant) {
        if self.failing.load(Relaxed) > 0 {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            peers.retain(|_, peer| peer.failures_at(now) > 0.0);
            self.failing.store(peers.len(), Relaxed);
        }
    }

    fn has_worked(&self, hash: u64) -> bool {
        self.worked
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&hash)
    }
}

/// Whoever has one IPv6 address has the 2^64 of its network.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V4(mapped),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_peer_that_fails_too_often_is_refused_until_time_forgives() {
        let throttle = Throttle::new(3);
        let now = Instant::now();
        for _ in 0..3 {
            assert!(throttle.check(PEER, "guess", now).is_ok());
            throttle.failed(PEER, "guess", now);
        }
        assert!(throttle.check(PEER, "guess", now).is_err());
        let other = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        assert!(throttle.check(other, "guess", now).is_ok());
        assert!(
            throttle
                .check(PEER, "guess", now + Duration::from_secs(1))
                .is_ok()
        );
        throttle.tidy(now + Duration::from_secs(1));
        assert_eq!(throttle.failing.load(Relaxed), 1);
        throttle.tidy(now + Duration::from_secs(3));
        assert_eq!(throttle.failing.load(Relaxed), 0);
    }

    #[test]
    fn credentials_that_worked_pass_behind_a_failing_address() {
        let throttle = Throttle::new(1);
        let now = Instant::now();
        throttle.succeeded("good");
        throttle.failed(PEER, "guess", now);
        assert!(throttle.check(PEER, "good", now).is_ok());
        assert!(throttle.check(PEER, "bad", now).is_err());
    }

    #[test]
    fn credentials_that_work_no_longer_pass_no_longer() {
        let throttle = Throttle::new(1);
        let now = Instant::now();
        throttle.succeeded("revoked");
        throttle.failed(PEER, "revoked", now);
        assert!(throttle.check(PEER, "revoked", now).is_err());
    }

    #[test]
    fn addresses_of_one_network_fail_together() {
        let throttle = Throttle::new(1);
        let now = Instant::now();
        throttle.failed("2001:db8::1".parse().unwrap(), "guess", now);
        assert!(
            throttle
                .check("2001:db8::2".parse().unwrap(), "guess", now)
                .is_err()
        );
        assert!(
            throttle
                .check("2001:db8:0:1::1".parse().unwrap(), "guess", now)
                .is_ok()
        );
        throttle.failed("::ffff:127.0.0.1".parse().unwrap(), "guess", now);
        assert!(throttle.check(PEER, "guess", now).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::new(1);
        let now = Instant::now();
        for number in 0..25_000_u32 {
            throttle.failed(IpAddr::V4(Ipv4Addr::from_bits(number)), "guess", now);
            throttle.succeeded(&number.to_string());
        }
        assert!(throttle.failing.load(Relaxed) <= MOST_REMEMBERED);
        assert!(throttle.worked.read().unwrap().len() <= MOST_REMEMBERED);
    }
}
