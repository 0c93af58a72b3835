//! The chat page, compiled in: no build step, nothing loaded from elsewhere.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The page for a signed-in browser.
const INDEX: &str = include_str!("../web/index.html");

/// The page for everyone else.
const SIGNED_OUT: &str = include_str!("../web/signed-out.html");

const SCRIPT: &str = "text/javascript; charset=utf-8";

const HTML: &str = "text/html; charset=utf-8";

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const ASSETS: [Asset; 8] = [
    Asset { name: "tokens.css", kind: "text/css; charset=utf-8", text: hearth_markup::tokens::CSS },
    Asset { name: "chat.css", kind: "text/css; charset=utf-8", text: include_str!("../web/chat.css") },
    Asset { name: "chat.js", kind: SCRIPT, text: include_str!("../web/chat.js") },
    Asset { name: "answer.js", kind: SCRIPT, text: include_str!("../web/answer.js") },
    Asset { name: "connection.js", kind: SCRIPT, text: include_str!("../web/connection.js") },
    Asset { name: "theme.js", kind: SCRIPT, text: include_str!("../web/theme.js") },
    Asset { name: "icon.svg", kind: "image/svg+xml", text: include_str!("../web/icon.svg") },
    Asset { name: "app.webmanifest", kind: "application/manifest+json", text: include_str!("../web/app.webmanifest") },
];

/// Returns the chat page.
pub(crate) fn index() -> Response {
    ([(header::CONTENT_TYPE, HTML)], INDEX).into_response()
}

/// Returns the page that says how to sign in.
pub(crate) fn signed_out() -> Response {
    (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, HTML)], SIGNED_OUT).into_response()
}

/// Returns a style sheet, a script or the icon; browsers may keep it, but ask whether it is still the same.
pub(crate) fn asset(name: &str, request: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = etag(asset.text);
    let cached = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()) == Some(tag.as_str());
    let mut response = if cached {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, asset.kind)], asset.text).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// FNV-1a of the content: changes with it, and needs no clock and no build step.
fn etag(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("\"{hash:016x}\"")
}
