//! Open connections, of all peers and of each.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
};

use crate::{config::Limits, metrics::Metrics, throttle::network};

/// The connections that are open.
pub(crate) struct Connections {
    most: usize,
    most_of_peer: usize,
    metrics: Arc<Metrics>,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

impl Connections {
    /// None yet.
    pub(crate) fn new(limits: &Limits, metrics: &Arc<Metrics>) -> Self {
        Self {
            most: limits.connections,
            most_of_peer: limits.connections_per_peer,
            metrics: Arc::clone(metrics),
            peers: Mutex::default(),
        }
    }

    /// Takes a connection, unless there are too many, or too many of its peer's
    /// network. Until the answer is dropped it counts.
    pub(crate) fn open(self: &Arc<Self>, peer: IpAddr) -> Option<Open> {
        let peer = network(peer);
        let mut peers = self.lock();
        let own = peers.get(&peer).copied().unwrap_or_default();
        let all = self.metrics.connections().load(Relaxed);
        if all >= self.most || own >= self.most_of_peer {
            return None;
        }
        peers.insert(peer, own + 1);
        self.metrics.connections().fetch_add(1, Relaxed);
        Some(Open {
            connections: Arc::clone(self),
            peer,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is open until this is dropped.
pub(crate) struct Open {
    connections: Arc<Connections>,
    peer: IpAddr,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut peers = self.connections.lock();
        if let Some(own) = peers.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                peers.remove(&self.peer);
            }
        }
        self.connections.metrics.connections().fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::Methods;

    #[test]
    fn no_peer_takes_all_connections_and_what_is_closed_is_free() {
        let limits = Limits {
            connections: 3,
            connections_per_peer: 2,
            ..Limits::default()
        };
        let metrics = Arc::new(Metrics::new(&Methods::new()));
        let connections = Arc::new(Connections::new(&limits, &metrics));
        let open = |peer: &str| connections.open(peer.parse().unwrap());
        let first = open("10.0.0.1").unwrap();
        let _second = open("::ffff:10.0.0.1").unwrap();
        assert!(open("10.0.0.1").is_none());
        let _other = open("2001:db8::1").unwrap();
        assert!(open("10.0.0.2").is_none(), "there are three");
        drop(first);
        assert!(open("10.0.0.1").is_some());
        assert_eq!(metrics.connections().load(Relaxed), 2);
        assert_eq!(connections.lock().len(), 2);
    }
}
