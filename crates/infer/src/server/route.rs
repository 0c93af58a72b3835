//! Which path does what, and who may ask.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::chat::{self, EventBody};
use super::listen::Shared;
use super::reply::Failure;

/// Largest request, in bytes: a full context of text is a hundredth of it.
const MAX_BODY: usize = 16 << 20;

/// What answers are made of.
pub(super) enum Answer {
    /// A complete text.
    Whole(Full<Bytes>),
    /// An event stream.
    Events(Box<EventBody>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Events(body) => Pin::new(body.as_mut()).poll_frame(context),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

/// Answers one request.
pub(super) async fn route(request: Request<Incoming>, shared: &Shared) -> Response<Answer> {
    if !from_here(&request) {
        return failure(&Failure::forbidden());
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/health") => health(shared),
        (&Method::GET, "/v1/models") => models(shared),
        (&Method::POST, "/v1/chat/completions") => {
            shared.touched.store(true, Ordering::Relaxed);
            match read_body(request).await {
                Ok(body) => chat::answer(&body, shared).await,
                Err(error) => failure(&error),
            }
        }
        (_, "/health" | "/v1/models" | "/v1/chat/completions") => failure(&Failure::method()),
        (_, path) => failure(&Failure::path(path)),
    }
}

/// Web pages of other origins may not use the model.
fn from_here(request: &Request<Incoming>) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else { return true };
    let host = origin.to_str().ok().and_then(|text| text.split_once("://")).map_or("", |(_, host)| host);
    ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|here| host.strip_prefix(here).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
}

async fn read_body(request: Request<Incoming>) -> Result<Bytes, Failure> {
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() { Failure::too_large(MAX_BODY) } else { Failure::cut_off() }
    })
}

fn health(shared: &Shared) -> Response<Answer> {
    match shared.context.get() {
        Some(_) => whole(StatusCode::OK, &json!({"status": "ok"})),
        None => whole(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "loading"})),
    }
}

fn models(shared: &Shared) -> Response<Answer> {
    let model = json!({
        "id": shared.model_name,
        "object": "model",
        "created": 0,
        "owned_by": "hearth",
        "context_length": shared.context.get(),
    });
    whole(StatusCode::OK, &json!({"object": "list", "data": [model]}))
}

/// A response with a JSON body.
pub(super) fn whole(status: StatusCode, body: &serde_json::Value) -> Response<Answer> {
    let mut response = Response::new(Answer::Whole(Full::new(Bytes::from(body.to_string()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A response that says what went wrong.
pub(super) fn failure(failure: &Failure) -> Response<Answer> {
    whole(failure.status, &failure.body())
}
