//! The one thread that calls into Python.
//!
//! A thread of the data plane that waited for the interpreter would keep calls
//! of checkouts waiting too. It leaves a message here instead; many messages cost
//! one wait.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, OnceLock, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use pyo3::prelude::*;

/// Messages delivered before the interpreter is left to others again.
const MOST_AT_ONCE: usize = 256;

/// Something to do in Python.
pub type Message = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

static SENDER: OnceLock<Mutex<Sender<Message>>> = OnceLock::new();

/// Has something done in Python, soon. After the interpreter began to end,
/// nothing is.
pub fn send(message: Message) {
    let sender = SENDER.get_or_init(|| {
        let (sender, receiver) = channel();
        // Without a thread nobody is told anything, which is what the end of the
        // process looks like too.
        let _ = thread::Builder::new()
            .name("promo-python".to_owned())
            .spawn(move || deliver(&receiver));
        Mutex::new(sender)
    });
    let _ = sender
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send(message);
}

fn deliver(receiver: &Receiver<Message>) {
    while let Ok(first) = receiver.recv() {
        let delivered = Python::try_attach(|py| {
            let others = std::iter::from_fn(|| receiver.try_recv().ok());
            for message in std::iter::once(first).chain(others.take(MOST_AT_ONCE)) {
                // What fails has nobody to tell but Python's own hook, and what panics
                // has told the hook of panics. Others wait for their messages.
                if let Ok(Err(error)) = catch_unwind(AssertUnwindSafe(|| message(py))) {
                    error.write_unraisable(py, None);
                }
            }
        });
        if delivered.is_none() {
            return;
        }
    }
}
