//! Panics of handlers, caught.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

/// What a future that panicked gives instead of a value.
pub struct Panicked;

pin_project! {
    /// A future whose panic ends it, not its task.
    pub struct Guarded<F> {
        #[pin]
        future: F,
    }
}

impl<F> Guarded<F> {
    /// Guards a future.
    pub fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        // What a panic leaves half done belongs to the call that ends with it.
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}
