//! Opens connections and sends requests.

use crate::cause::Peer;
use crate::error::Error;
use crate::response::Response;
use crate::tls;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Url};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long connecting may take, encryption included.
    pub connect_timeout: Duration,
    /// How long may pass without a byte: before the answer begins, and between its pieces.
    pub idle_timeout: Duration,
    /// What the client calls itself.
    pub user_agent: String,
    /// How addresses outside this machine are reached.
    pub proxy: Proxy,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            // A model that reads a long prompt is silent for minutes on a slow machine.
            idle_timeout: Duration::from_secs(300),
            user_agent: concat!("hearth/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: Proxy::System,
        }
    }
}

/// How addresses outside this machine are reached. Loopback addresses and sockets never use a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// As the machine's settings say (`HTTPS_PROXY`, `NO_PROXY`, …).
    #[default]
    System,
    /// Straight.
    Direct,
}

/// Sends HTTP requests. Clones share their connections. Dropping a request or a response cancels it.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: Options,
    socket: Option<PathBuf>,
    /// For loopback and sockets: neither proxy nor certificates.
    near: OnceLock<reqwest::Client>,
    /// For all others.
    far: OnceLock<reqwest::Client>,
}

/// Redirects that a `GET` follows.
const MAX_REDIRECTS: usize = 5;

impl Client {
    /// Makes a client; connections, certificates and proxy settings are set up when first needed.
    ///
    /// # Errors
    /// [`Error::InvalidHeader`] when the user agent can't be sent.
    pub fn new(options: Options) -> Result<Self, Error> {
        Self::build(options, None)
    }

    /// Makes a client whose every request goes to this Unix socket, whatever the address's host says.
    ///
    /// # Errors
    /// [`Error::InvalidHeader`] when the user agent can't be sent.
    pub fn unix_socket(options: Options, path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::build(options, Some(path.into()))
    }

    /// Makes a client with the same options for a Unix socket.
    ///
    /// # Errors
    /// As [`Self::unix_socket`].
    pub fn at_socket(&self, path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::build(self.inner.options.clone(), Some(path.into()))
    }

    /// Makes a client with other options; connections are not shared.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_options(&self, change: impl FnOnce(&mut Options)) -> Result<Self, Error> {
        let mut options = self.inner.options.clone();
        change(&mut options);
        Self::build(options, self.inner.socket.clone())
    }

    fn build(options: Options, socket: Option<PathBuf>) -> Result<Self, Error> {
        header_value("user-agent", &options.user_agent)?;
        Ok(Self { inner: Arc::new(Inner { options, socket, near: OnceLock::new(), far: OnceLock::new() }) })
    }

    /// Returns the socket all requests go to, if any.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.inner.socket.as_deref()
    }

    /// Fetches an address; follows up to five redirects, with the headers only as long as the host stays the same.
    ///
    /// Any status is a response, not an error.
    ///
    /// # Errors
    /// The address or a header is invalid, no answer began within the limits, or a redirect leaves encryption.
    pub async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
        self.get_following(url, headers, &[]).await
    }

    /// As [`Self::get`]; the `harmless` headers go to every host on the way.
    pub(crate) async fn get_following(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        harmless: &[(&str, &str)],
    ) -> Result<Response, Error> {
        let first = parse_url(url)?;
        let mut target = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut sent = header_map(harmless)?;
            if target.origin() == first.origin() {
                sent.extend(header_map(headers)?);
            }
            let response = self.send(Method::GET, target.clone(), sent, None).await?;
            match redirect_target(&response, &target)? {
                Some(next) => target = next,
                None => return Ok(response),
            }
        }
        let reason = format!("more than {MAX_REDIRECTS} redirects");
        Err(Error::Redirect { host: host_of(&first), reason })
    }

    /// Sends JSON. Redirects are not followed: the body and its keys stay with the address they were meant for.
    ///
    /// Any status is a response, not an error.
    ///
    /// # Errors
    /// The address, a header or the body is invalid, or no answer began within the limits.
    pub async fn post_json<B: Serialize + ?Sized>(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &B,
    ) -> Result<Response, Error> {
        let target = parse_url(url)?;
        let body = serde_json::to_vec(body).map_err(|source| Error::Encode { url: shown(url), source })?;
        let mut headers = header_map(headers)?;
        headers.insert(reqwest::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(Method::POST, target, headers, Some(body)).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Response, Error> {
        let peer = self.peer(&url);
        let mut request = self.transport(&url)?.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        // Boxed: the transport's future is several kilobytes large, and every caller would carry it.
        let sending = Box::pin(request.send());
        match tokio::time::timeout(peer.connect_timeout.saturating_add(peer.idle_timeout), sending).await {
            Ok(Ok(response)) => Ok(Response::new(response, peer)),
            Ok(Err(error)) => Err(peer.sending(&error)),
            Err(_elapsed) => Err(peer.silent()),
        }
    }

    fn peer(&self, url: &Url) -> Peer {
        let host = match &self.inner.socket {
            Some(path) => path.display().to_string(),
            None => host_of(url),
        };
        let Options { connect_timeout, idle_timeout, .. } = self.inner.options;
        Peer { host, connect_timeout, idle_timeout }
    }

    fn transport(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        let near = self.inner.socket.is_some() || (url.scheme() == "http" && is_loopback(url));
        let slot = if near { &self.inner.near } else { &self.inner.far };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let built = self.build_transport(near)?;
        // Two first requests at once may both build; the first to arrive is kept.
        Ok(slot.get_or_init(|| built))
    }

    fn build_transport(&self, near: bool) -> Result<reqwest::Client, Error> {
        let options = &self.inner.options;
        let mut builder = reqwest::Client::builder()
            .user_agent(&options.user_agent)
            .connect_timeout(options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(if near { tls::unused()? } else { tls::trusting()? });
        if near || options.proxy == Proxy::Direct {
            builder = builder.no_proxy();
        }
        if let Some(path) = &self.inner.socket {
            builder = builder.unix_socket(path.as_path());
        }
        builder.build().map_err(|error| Error::Setup { reason: error.to_string() })
    }
}

fn redirect_target(response: &Response, from: &Url) -> Result<Option<Url>, Error> {
    if !matches!(response.status(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refused = |reason: &str| Error::Redirect { host: host_of(from), reason: reason.to_owned() };
    let location = response.header(LOCATION.as_str()).ok_or_else(|| refused("it names no address"))?;
    let next = from.join(location).map_err(|error| refused(&error.to_string()))?;
    if from.scheme() == "https" && next.scheme() != "https" {
        return Err(refused("it would leave encryption"));
    }
    Ok(Some(next))
}

pub(crate) fn parse_url(text: &str) -> Result<Url, Error> {
    let invalid = |reason: String| Error::InvalidUrl { url: shown(text), reason };
    let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(invalid("it does not begin with http:// or https://".to_owned())),
    }
}

/// An address as error messages show it: without query and user name, which may hold keys.
fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_credentials, rest))) => format!("{scheme}://{rest}"),
        _ => text.to_owned(),
    };
    text.chars().take(200).collect()
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("unknown host");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub(crate) fn header_map(headers: &[(&str, &str)]) -> Result<HeaderMap, Error> {
    headers.iter().map(|(name, value)| Ok((header_name(name)?, header_value(name, value)?))).collect()
}

fn header_name(name: &str) -> Result<HeaderName, Error> {
    HeaderName::from_bytes(name.as_bytes()).or(Err(Error::InvalidHeader { name: name.to_owned() }))
}

/// Every value is marked sensitive: callers pass keys here, and the transport then never prints or indexes them.
fn header_value(name: &str, value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(value).or(Err(Error::InvalidHeader { name: name.to_owned() }))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{is_loopback, parse_url, shown};

    #[test]
    fn addresses_are_checked_and_shown_without_keys() {
        assert_eq!(shown("https://me:pw@h/p?key=1#x"), "https://h/p");
        for refused in ["", "ftp://h/", "h:80", "http://", "file:///etc/passwd"] {
            assert!(parse_url(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn only_this_machine_is_near() {
        for (url, near) in [
            ("http://127.0.0.1:1/", true),
            ("http://[::1]:1/", true),
            ("http://localhost/", true),
            ("http://localhost.example.org/", false),
            ("http://192.168.0.1/", false),
        ] {
            assert_eq!(is_loopback(&parse_url(url).unwrap()), near, "{url}");
        }
    }
}
