//! What the engine is told at its start.

use std::time::Duration;

use promo_codes::MasterKey;
use serde::Deserialize;

/// Settings of the engine, as the server passes them.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Where the store is: `redis://`, `rediss://` or `unix:///path`.
    pub store_url: String,
    /// The master secret that layout keys are wrapped under, 32 bytes in hex.
    pub master_secret: String,
    /// Longest wait for one answer of the store, milliseconds.
    #[serde(default = "default_store_timeout_ms")]
    pub store_timeout_ms: u64,
    /// How often changes of definitions and keys are looked for, milliseconds.
    #[serde(default = "default_poll_interval_ms")]
    pub poll_interval_ms: u64,
    /// How long the answer to a request id is kept, milliseconds.
    #[serde(default = "default_idempotency_ttl_ms")]
    pub idempotency_ttl_ms: i64,
    /// How long a publication's own id is kept, milliseconds.
    #[serde(default = "default_source_id_ttl_ms")]
    pub source_id_ttl_ms: i64,
    /// How long a redemption can be rolled back, and the marks of its rollbacks are
    /// kept, milliseconds.
    #[serde(default = "default_rollback_ttl_ms")]
    pub rollback_ttl_ms: i64,
    /// Unknown codes that a caller or customer may try in a window; 0 for any
    /// number.
    #[serde(default = "default_guess_limit")]
    pub guess_limit: u64,
    /// Length of that window, milliseconds.
    #[serde(default = "default_guess_window_ms")]
    pub guess_window_ms: i64,
}

impl EngineConfig {
    /// The master secret; none when it is not 32 bytes in hex.
    pub fn master_key(&self) -> Option<MasterKey> {
        MasterKey::from_bytes(&hex::decode(&self.master_secret).ok()?).ok()
    }

    /// Longest wait for one answer of the store.
    pub fn store_timeout(&self) -> Duration {
        Duration::from_millis(self.store_timeout_ms)
    }

    /// Time between two looks for changes.
    pub fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms)
    }
}

impl std::fmt::Debug for EngineConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the secret nor a password in the URL may reach a log.
        formatter
            .debug_struct("EngineConfig")
            .finish_non_exhaustive()
    }
}

const fn default_store_timeout_ms() -> u64 {
    2_000
}
const fn default_poll_interval_ms() -> u64 {
    200
}
const fn default_idempotency_ttl_ms() -> i64 {
    24 * 3_600_000
}
const fn default_source_id_ttl_ms() -> i64 {
    400 * 24 * 3_600_000
}
const fn default_rollback_ttl_ms() -> i64 {
    100 * 24 * 3_600_000
}
const fn default_guess_limit() -> u64 {
    100
}
const fn default_guess_window_ms() -> i64 {
    60_000
}
