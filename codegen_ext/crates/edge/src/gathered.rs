//! Answers of one moment, written together.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

pin_project! {
    /// A future that lets every task that is ready go first, each time it is woken.
    ///
    /// A connection woken by the first of many answers would write that one alone,
    /// and then the next: a system call for each, and one more for each at the peer.
    /// After the tasks in line have run, their answers leave in one write.
    pub struct Gathered<F> {
        #[pin]
        future: F,
        has_waited: bool,
    }
}

impl<F> Gathered<F> {
    /// Gathers before each turn of a future.
    pub fn new(future: F) -> Self {
        Self {
            future,
            has_waited: false,
        }
    }

    /// The future itself.
    pub fn inner(self: Pin<&mut Self>) -> Pin<&mut F> {
        self.project().future
    }
}

impl<F: Future> Future for Gathered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if *this.has_waited {
            *this.has_waited = false;
            return this.future.poll(context);
        }
        *this.has_waited = true;
        // A task that wakes itself goes to the end of the line.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
