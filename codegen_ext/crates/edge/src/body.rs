//! Bodies of answers: our own, the control plane's, and tonic's.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use promo_decision::reason::Reason;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use crate::{
    control::{ControlPlane, Fault},
    failure::{self, Failure, GRPC_STATUS},
    metrics::Flight,
    peers::PeerPlace,
    share::Place,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Body of an answer.
pub enum Answer {
    /// Everything was said in the headers.
    Empty,
    /// One framed message, and whether the trailers of success are still to come.
    Message(Option<Bytes>, bool),
    /// Passed on from the control plane.
    Passing(Box<Passing>),
    /// Health and reflection, and the place that an open stream takes.
    Tonic {
        body: tonic::body::Body,
        _place: Option<PeerPlace>,
    },
}

impl Answer {
    /// A framed message and the trailers of success.
    pub fn message(frame: Bytes) -> Self {
        Self::Message(Some(frame), true)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Message(message, trailers) => Poll::Ready(match message.take() {
                Some(frame) => Some(Ok(Frame::data(frame))),
                None if std::mem::take(trailers) => {
                    let mut success = HeaderMap::with_capacity(1);
                    success.insert(GRPC_STATUS, HeaderValue::from_static("0"));
                    Some(Ok(Frame::trailers(success)))
                }
                None => None,
            }),
            Self::Passing(passing) => passing.poll(context).map(|frame| frame.map(Ok)),
            Self::Tonic { body, .. } => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Message(message, trailers) => message.is_none() && !trailers,
            Self::Passing(passing) => passing.is_end_stream(),
            Self::Tonic { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// How long a reader may leave unread what has come.
const LONGEST_STALL: Duration = Duration::from_secs(300);

/// How often readers are looked after.
const LOOK_AFTER: Duration = Duration::from_secs(15);

/// An answer of the control plane on its way to the client. Ends in trailers
/// whatever happens behind it.
pub struct Passing {
    passage: Arc<Mutex<Passage>>,
    watch: AbortHandle,
}

/// What an answer takes up. A client that does not read never asks for the next
/// frame, so a task of its own ends what takes too long.
struct Passage {
    body: Option<Incoming>,
    taken: Option<(Flight, Place)>,
    /// What was wrong with the request, if it was still being sent.
    fault: Fault,
    control: Arc<ControlPlane>,
    /// The end, for when the client asks.
    trailers: Option<HeaderMap>,
    /// Since when a frame is with the client that it may not have read.
    unread: Option<Instant>,
    waker: Option<Waker>,
}

impl Passing {
    /// Passes on a body, until the deadline if there is one. What the call takes
    /// up is free when it is over.
    pub fn new(
        body: Incoming,
        taken: (Flight, Place),
        deadline: Option<Instant>,
        fault: Fault,
        control: Arc<ControlPlane>,
    ) -> Self {
        let ended = body.is_end_stream();
        let passage = Arc::new(Mutex::new(Passage {
            body: Some(body).filter(|_| !ended),
            taken: Some(taken).filter(|_| !ended),
            fault,
            control,
            trailers: None,
            unread: None,
            waker: None,
        }));
        let watch = tokio::spawn(watch(Arc::downgrade(&passage), deadline)).abort_handle();
        Self { passage, watch }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        lock(&self.passage).poll(context)
    }

    fn is_end_stream(&self) -> bool {
        let passage = lock(&self.passage);
        passage.body.is_none() && passage.trailers.is_none()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

fn lock(passage: &Mutex<Passage>) -> MutexGuard<'_, Passage> {
    passage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a passage at its deadline, or when its reader has stopped to read.
async fn watch(passage: Weak<Mutex<Passage>>, deadline: Option<Instant>) {
    loop {
        let look = Instant::now() + LOOK_AFTER;
        sleep_until(deadline.map_or(look, |deadline| deadline.min(look))).await;
        let Some(passage) = passage.upgrade() else {
            return;
        };
        let mut passage = lock(&passage);
        let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let stalled = passage
            .unread
            .is_some_and(|since| since.elapsed() >= LONGEST_STALL);
        if passage.body.is_none() {
            return;
        }
        if late || stalled {
            let failure = passage.control.late();
            passage.fail(&failure);
            return;
        }
    }
}

impl Passage {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(self.trailers.take().map(Frame::trailers));
        };
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.unread = Some(Instant::now());
                if let Some(trailers) = frame.trailers_ref() {
                    self.end(failure::code(trailers).unwrap_or(failure::UNKNOWN));
                }
                Poll::Ready(Some(frame))
            }
            // A stream without trailers was cut off, as one with an error was.
            Poll::Ready(Some(Err(_)) | None) => {
                let failure = self.fault.get().cloned();
                self.fail(&failure.unwrap_or_else(ControlPlane::unavailable));
                Poll::Ready(self.trailers.take().map(Frame::trailers))
            }
            Poll::Pending => {
                self.unread = None;
                self.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn fail(&mut self, failure: &Failure) {
        self.trailers = Some(failure.trailers());
        self.end(failure.code());
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Dropping the body cancels the call behind it.
    fn end(&mut self, code: i32) {
        self.body = None;
        if let Some((mut flight, _place)) = self.taken.take() {
            flight.end(code);
        }
    }
}

/// A deadline that passed while the answer was awaited.
pub fn late() -> Failure {
    Failure::reason(Reason::DeadlineTooShort)
}
