//! The promotion engine: the use cases of checkout, in front of the store.
//!
//! A call is resolved to campaigns by arithmetic, decided by the pure decision
//! crate, and taken in one commit of the store. See [`Engine`].

#![forbid(unsafe_code)]

pub mod access;
mod advice;
mod archive;
pub mod auth;
pub mod batch;
mod call;
pub mod call_id;
mod checkout;
mod commits;
pub mod config;
pub mod control;
mod convert;
mod customers;
mod definitions;
mod engine;
pub mod functions;
mod group;
mod growth;
mod guesses;
mod hold_schedule;
mod holds;
pub mod ids;
pub mod keys;
pub mod ledger;
mod lookup;
mod movements;
mod once;
mod overrides;
pub mod plan;
mod publications;
mod publish;
mod rate;
mod reading;
mod redeem;
mod request;
mod resolve;
mod rollback;
mod session_filter;
mod session_list;
mod sessions;
mod settle;
pub mod status;
pub mod store;
pub mod stored_codes;
pub mod task;
mod uses;
mod validate;
mod vouchers;

pub use auth::Identity;
pub use config::EngineConfig;
pub use control::ControlPlane;
pub use engine::{Engine, EngineError};

/// The messages of `promo.v1` and of the `google.*` packages that it imports.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod protocol {
    include!(concat!(env!("OUT_DIR"), "/protocol.rs"));

    /// Encoded `FileDescriptorSet` of the whole contract, for reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
}
