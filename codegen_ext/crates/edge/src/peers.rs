//! Places that peers take, of which none of them gets all.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::throttle::network;

/// The places of one kind.
pub(crate) struct Peers {
    most: usize,
    most_of_peer: usize,
    taken: Arc<AtomicUsize>,
    by_peer: Mutex<HashMap<IpAddr, usize>>,
}

impl Peers {
    /// So many places, of which a peer's network gets some; `taken` counts them.
    pub(crate) fn new(most: usize, most_of_peer: usize, taken: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_of_peer,
            taken,
            by_peer: Mutex::default(),
        })
    }

    /// Takes a place, until the answer is dropped; or tells how many there are, of
    /// all or for a peer, when these are taken.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<PeerPlace, usize> {
        let peer = network(peer);
        let mut by_peer = self.lock();
        let own = by_peer.get(&peer).copied().unwrap_or_default();
        if self.taken.load(Relaxed) >= self.most {
            return Err(self.most);
        }
        if own >= self.most_of_peer {
            return Err(self.most_of_peer);
        }
        by_peer.insert(peer, own + 1);
        self.taken.fetch_add(1, Relaxed);
        Ok(PeerPlace {
            peers: Arc::clone(self),
            peer,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken until this is dropped.
pub(crate) struct PeerPlace {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut by_peer = self.peers.lock();
        if let Some(own) = by_peer.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                by_peer.remove(&self.peer);
            }
        }
        self.peers.taken.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_peer_takes_all_places_and_what_is_left_is_free() {
        let taken = Arc::new(AtomicUsize::new(0));
        let peers = Peers::new(3, 2, Arc::clone(&taken));
        let enter = |peer: &str| peers.enter(peer.parse().unwrap());
        let first = enter("10.0.0.1").ok().unwrap();
        let _second = enter("::ffff:10.0.0.1").ok().unwrap();
        assert_eq!(enter("10.0.0.1").err(), Some(2));
        let _other = enter("2001:db8::1").ok().unwrap();
        assert_eq!(enter("10.0.0.2").err(), Some(3));
        drop(first);
        assert!(enter("10.0.0.1").is_ok());
        assert_eq!(taken.load(Relaxed), 2);
        assert_eq!(peers.lock().len(), 2);
    }
}
