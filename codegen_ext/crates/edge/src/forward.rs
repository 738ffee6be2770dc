//! Calls that the control plane answers: admitted here, then passed on as bytes.

use std::{net::IpAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use promo_engine::call_id;
use tokio::time::timeout;

use crate::{
    body::{Answer, Passing},
    control::{ControlPlane, Fault, Outgoing, introduce, prepare},
    deadline::{self, GRPC_TIMEOUT},
    failure::{self, Failure},
    frame::{self, Watch},
    guard::{Guarded, Panicked},
    layer::CallLayer,
    methods::Method,
    metrics::Flight,
    plane::{Caller, Plane},
    share::Place,
};

/// Metadata that only the edge may set.
const OWN_PREFIX: &str = "promo-";

/// Part of a deadline that is kept for telling a client that it waits in vain.
const LAST_MOMENT: Duration = Duration::from_millis(250);

/// What the control plane's deadline is later than the call's, so that the one to
/// say that time is up is always the edge, with a reason.
const HEAD_START: Duration = Duration::from_millis(100);

/// Largest answer of a call made in process, bytes.
const LONGEST_ANSWER: usize = 256 * 1024 * 1024;

/// Passes a call from the network on, and its answer back, frame by frame.
pub async fn pass<P: Plane>(
    layer: &CallLayer<P>,
    method: &Method,
    headers: &HeaderMap,
    body: Incoming,
    peer: Option<IpAddr>,
) -> Result<Response<Answer>, Failure> {
    let fault = Fault::default();
    let watch = Watch::new(layer.limits().message_bytes);
    let body = Outgoing::Passing(body, watch, Arc::clone(&fault));
    let call = Call {
        layer,
        method,
        headers,
        peer,
        deadline: None,
    };
    let (response, passing) = call.make(body, fault).await?;
    Ok(response.map(|()| Answer::Passing(Box::new(passing))))
}

/// Makes a unary call in this process.
pub async fn unary<P: Plane>(
    layer: &CallLayer<P>,
    method: &Method,
    metadata: &HeaderMap,
    body: Bytes,
    deadline: Option<Duration>,
    peer: Option<IpAddr>,
) -> Result<Bytes, Failure> {
    if body.len() > layer.limits().message_bytes {
        return Err(frame::too_large(layer.limits().message_bytes));
    }
    let body = Outgoing::Whole(Some(frame::write(&body)));
    let call = Call {
        layer,
        method,
        headers: metadata,
        peer,
        deadline,
    };
    let (response, passing) = call.make(body, Fault::default()).await?;
    if let Some(failure) = Failure::read(response.headers()) {
        return Err(failure);
    }
    let answer = Limited::new(Answer::Passing(Box::new(passing)), LONGEST_ANSWER);
    let answer = answer
        .collect()
        .await
        .map_err(|_| frame::too_large(LONGEST_ANSWER))?;
    match answer.trailers().and_then(Failure::read) {
        Some(failure) => Err(failure),
        None => frame::read(&mut Full::new(answer.to_bytes()), LONGEST_ANSWER).await,
    }
}

/// The answer's beginning, and the place at the control plane that it takes up.
type Sent = (Response<Incoming>, Place);

/// A call on its way to the control plane.
struct Call<'a, P> {
    layer: &'a CallLayer<P>,
    method: &'a Method,
    headers: &'a HeaderMap,
    peer: Option<IpAddr>,
    deadline: Option<Duration>,
}

impl<P: Plane> Call<'_, P> {
    async fn make(&self, body: Outgoing, fault: Fault) -> Result<(Response<()>, Passing), Failure> {
        let (mut flight, begun) = self.layer.begin(self.method);
        let begun = match begun {
            Ok(()) => self.within(&flight, body, &fault).await,
            Err(failure) => Err(failure),
        };
        let (sent, control, time) = begun.inspect_err(|failure| flight.end(failure.code()))?;
        let (response, place) = sent;
        let (parts, body) = response.into_parts();
        if let Some(code) = failure::code(&parts.headers) {
            flight.end(code);
        }
        let ends = self.ends(&flight, time);
        let passing = Passing::new(body, (flight, place), ends, fault, control);
        Ok((Response::from_parts(parts, ()), passing))
    }

    /// Everything until the headers of the answer are there.
    async fn within(
        &self,
        flight: &Flight,
        body: Outgoing,
        fault: &Fault,
    ) -> Result<(Sent, Arc<ControlPlane>, Duration), Failure> {
        let control = self.layer.control().ok_or_else(ControlPlane::unavailable)?;
        let time = self.layer.time(self.method, self.headers, self.deadline)?;
        let work = Guarded::new(async {
            let (caller, _in_flight) = self
                .layer
                .admit(self.method, self.headers, self.peer)
                .await?;
            let shares = self.layer.shares();
            let place = shares.enter(caller.key_id(), self.method.streams)?;
            let mut request = Request::new(body);
            *request.headers_mut() = self.metadata(&*caller)?;
            if let Some(ends) = self.ends(flight, time) {
                let left = ends.saturating_duration_since(tokio::time::Instant::now());
                request
                    .headers_mut()
                    .insert(GRPC_TIMEOUT, deadline::value(left + HEAD_START));
            }
            prepare(&mut request, self.method.path)?;
            // The request may have been at fault for the connection to fail it.
            let sent = control.send(request).await;
            let response = sent.map_err(|failure| fault.get().cloned().unwrap_or(failure))?;
            Ok::<_, Failure>((response, place))
        });
        let mut work = pin!(work);
        // A client whose own clock ends the call does not hear why: when nothing
        // is to be hoped for it is told a moment before.
        let moment = (time / 10).min(LAST_MOMENT);
        let answered = match timeout(time.saturating_sub(moment), &mut work).await {
            Err(_) if control.hangs() => return Err(control.late()),
            Err(_) => timeout(moment, work).await,
            answered => answered,
        };
        match answered {
            Ok(Ok(response)) => Ok((response?, Arc::clone(control), time)),
            Ok(Err(Panicked)) => Err(call_id::panicked().into()),
            Err(_) => Err(control.late()),
        }
    }

    /// When the call has to be over. An answer that streams may go on as long as
    /// its reader wants, unless the reader said how long.
    fn ends(&self, flight: &Flight, time: Duration) -> Option<tokio::time::Instant> {
        let asked = self.deadline.is_some() || self.headers.contains_key(GRPC_TIMEOUT);
        let started = tokio::time::Instant::from_std(flight.started());
        if asked || !self.method.streams {
            started.checked_add(time)
        } else {
            None
        }
    }

    /// The caller's metadata, without what only the edge may say, and with it.
    fn metadata(&self, caller: &P::Caller) -> Result<HeaderMap, Failure> {
        let mut metadata = HeaderMap::with_capacity(self.headers.len() + 6);
        for (name, content) in self.headers {
            if !is_stripped(name) {
                metadata.append(name.clone(), content.clone());
            }
        }
        introduce(&mut metadata, caller)?;
        Ok(metadata)
    }
}

fn is_stripped(name: &HeaderName) -> bool {
    const STRIPPED: [HeaderName; 8] = [
        header::AUTHORIZATION,
        header::HOST,
        header::TE,
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
        header::UPGRADE,
        GRPC_TIMEOUT,
    ];
    name.as_str().starts_with(OWN_PREFIX) || STRIPPED.contains(name)
}
