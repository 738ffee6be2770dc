//! Bodies of answers: our own, the control plane's, and tonic's.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use promo_decision::reason::Reason;
use tokio::time::Sleep;

use crate::{
    control::{ControlPlane, Fault},
    failure::{self, Failure, GRPC_STATUS},
    metrics::Flight,
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
    /// Health and reflection.
    Tonic(tonic::body::Body),
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
            Self::Tonic(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Message(message, trailers) => message.is_none() && !trailers,
            Self::Passing(passing) => passing.ended,
            Self::Tonic(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// An answer of the control plane on its way to the client. Ends in trailers
/// whatever happens behind it.
pub struct Passing {
    body: Option<Incoming>,
    ended: bool,
    flight: Flight,
    deadline: Option<Pin<Box<Sleep>>>,
    /// What was wrong with the request, if it was still being sent.
    fault: Fault,
    control: Arc<ControlPlane>,
}

impl Passing {
    /// Passes on a body, until the deadline if there is one.
    pub fn new(
        body: Incoming,
        flight: Flight,
        deadline: Option<Pin<Box<Sleep>>>,
        fault: Fault,
        control: Arc<ControlPlane>,
    ) -> Self {
        let ended = body.is_end_stream();
        Self {
            body: Some(body),
            ended,
            flight,
            deadline,
            fault,
            control,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let Some(body) = self.body.as_mut().filter(|_| !self.ended) else {
            return Poll::Ready(None);
        };
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.flight
                        .end(failure::code(trailers).unwrap_or(failure::UNKNOWN));
                    self.ended = true;
                }
                Poll::Ready(Some(frame))
            }
            // A stream without trailers was cut off, as one with an error was.
            Poll::Ready(Some(Err(_)) | None) => {
                let failure = self.fault.get().cloned();
                self.fail(&failure.unwrap_or_else(ControlPlane::unavailable))
            }
            Poll::Pending => {
                if let Some(deadline) = &mut self.deadline {
                    ready!(deadline.as_mut().poll(context));
                    let failure = self.control.late();
                    return self.fail(&failure);
                }
                Poll::Pending
            }
        }
    }

    fn fail(&mut self, failure: &Failure) -> Poll<Option<Frame<Bytes>>> {
        self.flight.end(failure.code());
        self.ended = true;
        // Dropping the body cancels the call behind it.
        self.body = None;
        Poll::Ready(Some(Frame::trailers(failure.trailers())))
    }
}

/// A deadline that passed while the answer was awaited.
pub fn late() -> Failure {
    Failure::reason(Reason::DeadlineTooShort)
}
