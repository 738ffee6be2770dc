//! The public face of the data plane: one gRPC server on one port.
//!
//! What a checkout calls is answered by the engine in this process; everything
//! else is forwarded, as bytes, to the control plane on a private socket. Both
//! pass the same admission: who calls, what the key may do, how fast.
//!
//! A call goes through these modules in this order: [`server`] (sockets, TLS,
//! drain), `serve` (HTTP/2 to calls), [`layer`] (admission and dispatch), then
//! [`plane`] (the engine) or `forward` and [`control`] (the control plane).
#![forbid(unsafe_code)]

mod ask;
mod body;
pub mod config;
pub mod control;
mod deadline;
mod engine;
mod failure;
mod forward;
mod frame;
mod gathered;
mod guard;
mod health;
pub mod layer;
mod methods;
mod metrics;
mod peers;
pub mod plane;
mod queue;
mod rate;
mod serve;
pub mod server;
mod share;
mod throttle;
mod tls;

pub use config::EdgeConfig;
pub use control::ControlPlane;
pub use failure::Failure;
pub use layer::{CallLayer, now_ms};
pub use plane::{Caller, Plane};
pub use server::Server;
