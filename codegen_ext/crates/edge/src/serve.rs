//! From HTTP/2 requests to calls, and from their outcome to answers.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use crate::{
    body::Answer,
    failure::Failure,
    forward, frame,
    health::Utilities,
    layer::{CallLayer, Source},
    methods::Method,
    plane::Plane,
};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Answers one request, whatever it is.
pub async fn serve<P: Plane>(
    layer: Arc<CallLayer<P>>,
    utilities: Arc<Utilities>,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Response<Answer> {
    if let Err(status) = check(&request) {
        let mut response = Response::new(Answer::Empty);
        *response.status_mut() = status;
        return response;
    }
    // Health and reflection need no key; `grpc.` is theirs alone.
    if request.uri().path().starts_with("/grpc.") {
        let path = request.uri().path().to_owned();
        let answer = Box::pin(utilities.answer(request, peer)).await;
        return answer.unwrap_or_else(|failure| fail(&path, &failure));
    }
    let peer = Some(peer);
    let (parts, mut body) = request.into_parts();
    let method = match layer.find(parts.uri.path()) {
        Ok(method) => method,
        Err(failure) => return fail("", &failure),
    };
    let outcome = if method.hot {
        hot(&layer, method, &parts.headers, &mut body, peer).await
    } else {
        Box::pin(forward::pass(&layer, method, &parts.headers, body, peer)).await
    };
    outcome.unwrap_or_else(|failure| fail(method.path, &failure))
}

async fn hot<P: Plane>(
    layer: &CallLayer<P>,
    method: &Method,
    headers: &HeaderMap,
    body: &mut Incoming,
    peer: Option<IpAddr>,
) -> Result<Response<Answer>, Failure> {
    let (mut flight, begun) = layer.begin(method);
    let answer = match begun {
        Err(failure) => Err(failure),
        Ok(()) if is_compressed(headers) => Err(frame::compressed()),
        Ok(()) => {
            layer
                .answer(method, headers, peer, None, Source::Stream(body))
                .await
        }
    };
    flight.end(answer.as_ref().err().map_or(0, Failure::code));
    let mut response = Response::new(Answer::message(frame::write(&answer?)));
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    Ok(response)
}

/// What is not gRPC is told so in HTTP's words.
fn check<B>(request: &Request<B>) -> Result<(), StatusCode> {
    if request.method() != http::Method::POST {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    match kind.strip_prefix(b"application/grpc") {
        Some([] | [b'+' | b';', ..]) => Ok(()),
        _ => Err(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers
        .get(GRPC_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
}

/// An answer that is nothing but headers.
fn fail(path: &str, failure: &Failure) -> Response<Answer> {
    tracing::debug!(path, code = failure.code(), "call.failed");
    let mut response = Response::new(Answer::Empty);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, GRPC);
    failure.write(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, kind: Option<&str>) -> Option<u16> {
        let mut request = Request::builder().method(method);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        check(&request.body(()).unwrap())
            .err()
            .map(|status| status.as_u16())
    }

    #[test]
    fn only_grpc_is_served() {
        assert_eq!(status("POST", Some("application/grpc")), None);
        assert_eq!(status("POST", Some("application/grpc+proto")), None);
        assert_eq!(status("POST", Some("application/grpc;charset=x")), None);
        assert_eq!(status("POST", Some("application/grpc-web")), Some(415));
        assert_eq!(status("POST", Some("application/json")), Some(415));
        assert_eq!(status("POST", None), Some(415));
        assert_eq!(status("GET", Some("application/grpc")), Some(405));
    }
}
