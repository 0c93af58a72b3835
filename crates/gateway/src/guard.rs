//! Which requests are let in at all: the `Host` and `Origin` checks, and the headers every answer carries.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Nothing is loaded from elsewhere, nothing inline runs, and no other page may frame this one.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The names under which the gateway may be reached. Anything else is a page that had its own name point here.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    allowed: Vec<String>,
    secure: Vec<String>,
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Host,
    Origin,
}

impl Hosts {
    /// Allows the loopback names with the listener's port, and further names without port or with it.
    pub(crate) fn new(port: u16, extra: &[String]) -> Self {
        let mut allowed: Vec<String> =
            ["127.0.0.1", "localhost", "[::1]"].iter().map(|name| format!("{name}:{port}")).collect();
        let mut secure = Vec::new();
        for name in extra {
            let name = name.to_ascii_lowercase();
            allowed.push(format!("{name}:{port}"));
            secure.push(name.clone());
            allowed.push(name);
        }
        Self { allowed, secure }
    }

    /// Checks a request's `Host`, and its `Origin` where it has one and could change something.
    pub(crate) fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = single(headers, header::HOST).ok_or(Refusal::Host)?;
        if !self.allowed.contains(&host) {
            return Err(Refusal::Host);
        }
        let changes = *method != Method::GET && *method != Method::HEAD;
        let upgrades = headers.contains_key(header::UPGRADE);
        if (changes || upgrades) && headers.contains_key(header::ORIGIN) {
            let origin = single(headers, header::ORIGIN).ok_or(Refusal::Origin)?;
            let known = match origin.split_once("://") {
                Some(("http", host)) => self.allowed.iter().any(|allowed| allowed == host),
                Some(("https", host)) => self.secure.iter().any(|allowed| allowed == host),
                _ => false,
            };
            if !known {
                return Err(Refusal::Origin);
            }
        }
        Ok(())
    }
}

/// Returns a header that must be there once, in lower case.
fn single(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.to_ascii_lowercase();
    values.next().is_none().then_some(value)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "This address does not belong to this gateway. Open it as http://127.0.0.1 with its port.\n",
            )
                .into_response(),
            Self::Origin => (StatusCode::FORBIDDEN, "Requests from other pages are refused.\n").into_response(),
        }
    }
}

/// True when the request comes from a page: programs send no `Origin`.
pub(crate) fn is_from_browser(request: &Request) -> bool {
    request.headers().contains_key(header::ORIGIN) || request.headers().contains_key("sec-fetch-site")
}

/// Adds what every answer carries.
pub(crate) fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static("camera=(), microphone=(), geolocation=()"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::{Hosts, Refusal};
    use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?)))
            .collect()
    }

    #[test]
    fn only_our_own_names_and_pages_get_in() {
        let hosts = Hosts::new(18789, &["home.example.net".to_owned()]);
        let ws = |host: &str, origin: Option<&str>| {
            let mut headers = headers(&[("host", host), ("upgrade", "websocket")]);
            if let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) {
                headers.insert("origin", origin);
            }
            hosts.check(&Method::GET, &headers)
        };
        for (host, origin, expected) in [
            ("127.0.0.1:18789", None, Ok(())),
            ("localhost:18789", Some("http://localhost:18789"), Ok(())),
            ("LOCALHOST:18789", Some("http://127.0.0.1:18789"), Ok(())),
            ("[::1]:18789", Some("http://[::1]:18789"), Ok(())),
            ("home.example.net", Some("https://home.example.net"), Ok(())),
            ("127.0.0.1", None, Err(Refusal::Host)),
            ("127.0.0.1:80", None, Err(Refusal::Host)),
            ("evil.example:18789", None, Err(Refusal::Host)),
            ("evil.example", Some("http://evil.example"), Err(Refusal::Host)),
            ("127.0.0.1:18789", Some("http://evil.example"), Err(Refusal::Origin)),
            ("127.0.0.1:18789", Some("http://127.0.0.1:8080"), Err(Refusal::Origin)),
            ("127.0.0.1:18789", Some("https://127.0.0.1:18789"), Err(Refusal::Origin)),
            ("127.0.0.1:18789", Some("null"), Err(Refusal::Origin)),
            ("127.0.0.1:18789", Some("file://"), Err(Refusal::Origin)),
        ] {
            assert_eq!(ws(host, origin), expected, "{host} {origin:?}");
        }
    }

    #[test]
    fn a_second_host_header_is_refused() {
        let mut headers = headers(&[("host", "127.0.0.1:1")]);
        headers.append("host", HeaderValue::from_static("evil.example"));
        assert_eq!(Hosts::new(1, &[]).check(&Method::GET, &headers), Err(Refusal::Host));
        assert_eq!(Hosts::new(1, &[]).check(&Method::GET, &HeaderMap::new()), Err(Refusal::Host));
    }

    #[test]
    fn a_foreign_page_may_not_post() {
        let hosts = Hosts::new(1, &[]);
        let request = headers(&[("host", "127.0.0.1:1"), ("origin", "http://evil.example")]);
        assert_eq!(hosts.check(&Method::POST, &request), Err(Refusal::Origin));
        assert_eq!(hosts.check(&Method::GET, &request), Ok(()));
    }
}
