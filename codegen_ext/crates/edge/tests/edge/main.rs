//! The edge over real sockets, as one program: each would link all of it.

mod ask;
mod drain;
mod forward;
mod health;
mod hot;
mod rate;
mod raw;
mod support;
mod tls;
