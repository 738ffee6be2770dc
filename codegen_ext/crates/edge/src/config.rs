//! What the edge is told at its start.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::Deserialize;

use crate::control::ControlPlane;

/// Settings of the edge, as the server passes them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeConfig {
    /// Address and port to listen on; port 0 takes a free one.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Lets several server processes listen on the same port.
    #[serde(default)]
    pub reuse_port: bool,
    /// Unix socket of the control plane. Without one, the methods that it
    /// answers are unavailable.
    #[serde(default)]
    pub control_socket: Option<PathBuf>,
    /// Certificate and key; without them the port speaks plain HTTP/2.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// What callers may use up.
    #[serde(default)]
    pub limits: Limits,
}

impl EdgeConfig {
    /// The control plane behind the socket, for the call layer and the engine.
    pub fn control_plane(&self) -> Option<Arc<ControlPlane>> {
        let socket = self.control_socket.clone()?;
        Some(Arc::new(ControlPlane::new(socket)))
    }
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            listen: default_listen(),
            reuse_port: false,
            control_socket: None,
            tls: None,
            limits: Limits::default(),
        }
    }
}

/// Files of the server's identity, in PEM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate chain, the server's own first.
    pub certificate: PathBuf,
    /// Private key of the first certificate.
    pub key: PathBuf,
    /// Authorities of client certificates. When given, a client without a
    /// certificate of theirs is not let in.
    #[serde(default)]
    pub client_authorities: Option<PathBuf>,
}

/// What callers may use up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest request message, bytes.
    pub message_bytes: usize,
    /// Most calls in flight in this process.
    pub calls_in_flight: usize,
    /// Most calls of one key per second, over all servers of a store; 0 for any
    /// number.
    pub calls_per_second_per_key: u64,
    /// Failed authentications that one address may pile up before its unknown
    /// credentials are refused unseen; 0 for any number. One is forgiven per
    /// second.
    pub failed_authentications_per_peer: u32,
    /// Time for a call whose client sets no deadline, milliseconds. An answer
    /// that streams has to begin, not to end, within it.
    pub default_deadline_ms: u64,
    /// Most open connections.
    pub connections: usize,
    /// Most open connections of one address, or of one IPv6 network.
    pub connections_per_peer: usize,
    /// Most calls in flight on one connection.
    pub streams_per_connection: u32,
}

impl Limits {
    /// Time for a call whose client sets no deadline.
    pub fn default_deadline(&self) -> Duration {
        Duration::from_millis(self.default_deadline_ms)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 * 1024 * 1024,
            calls_in_flight: 4_096,
            calls_per_second_per_key: 0,
            failed_authentications_per_peer: 20,
            default_deadline_ms: 10_000,
            connections: 10_000,
            connections_per_peer: 2_500,
            streams_per_connection: 1_024,
        }
    }
}

fn default_listen() -> String {
    "127.0.0.1:50600".to_owned()
}
