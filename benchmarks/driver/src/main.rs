//! Load driver of the benchmarks.
//!
//! One thread sends prepared, distinct bodies over a few connections, as fast as
//! a given number of calls in flight allows or at a fixed rate, and prints one
//! JSON object. It speaks HTTP/2 (unary gRPC), HTTP/1.1 and the store's protocol
//! itself: it shares a core with the store, so each microsecond that a general
//! client library would spend per call would be taken from what is measured.

mod bodies;
mod connection;
mod hpack;
mod http1;
mod http2;
mod load;
mod options;
mod protocol;
mod report;
mod resp;
mod usage;

use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("promo-load-driver: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<serde_json::Value, protocol::Failure> {
    let options = options::Options::from_arguments()?;
    let bodies = bodies::Bodies::read(&options.bodies)?;
    let outcome = load::run(&options, &bodies)?;
    outcome.save_answers(&options)?;
    Ok(outcome.to_json(&options))
}
