//! Reads the cause of a failure out of the transport's nested errors.

use crate::error::Error;
use std::error::Error as StdError;
use std::io::ErrorKind as Io;
use std::time::Duration;

/// Where a request went, in the words of error messages.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Host and port, or the socket's path.
    pub(crate) host: String,
    /// How long connecting may take.
    pub(crate) connect_timeout: Duration,
    /// How long may pass without data.
    pub(crate) idle_timeout: Duration,
}

impl Peer {
    /// A failure before the answer began.
    pub(crate) fn sending(&self, error: &reqwest::Error) -> Error {
        let host = self.host.clone();
        if error.is_timeout() {
            return Error::Timeout { host, awaited: "accept the connection", limit: self.connect_timeout };
        }
        if let Some(cause) = find::<rustls::Error>(error) {
            return Error::Tls { host, reason: cause.to_string() };
        }
        if error.is_dns() {
            let host = host.rsplit_once(':').map_or(host.clone(), |(name, _port)| name.to_owned());
            return Error::Dns { host };
        }
        match find_io(error).map(|cause| (cause.kind(), cause)) {
            Some((Io::ConnectionRefused | Io::NotFound, _)) => Error::Refused { host },
            Some((Io::TimedOut, _)) => {
                Error::Timeout { host, awaited: "accept the connection", limit: self.connect_timeout }
            }
            Some((_, cause)) if error.is_connect() => Error::Unreachable { host, reason: cause.to_string() },
            _ if error.is_connect() => Error::Unreachable { host, reason: innermost(error) },
            _ => Error::NoAnswer { host, reason: innermost(error) },
        }
    }

    /// A failure inside the answer.
    pub(crate) fn receiving(&self, error: &reqwest::Error, received_bytes: u64) -> Error {
        Error::Reset { host: self.host.clone(), received_bytes, reason: innermost(error) }
    }

    /// Silence before the answer began.
    pub(crate) fn silent(&self) -> Error {
        Error::Timeout { host: self.host.clone(), awaited: "start to answer", limit: self.idle_timeout }
    }

    /// Silence inside the answer.
    pub(crate) fn stalled(&self) -> Error {
        Error::Timeout { host: self.host.clone(), awaited: "go on with the answer", limit: self.idle_timeout }
    }
}

/// Walks from an error to its causes, also through I/O errors that wrap another error.
fn causes<'error>(error: &'error (dyn StdError + 'static)) -> impl Iterator<Item = &'error (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |current| {
        let current: &'error (dyn StdError + 'static) = *current;
        match current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => current.source(),
        }
    })
}

fn find<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref::<E>())
}

/// The innermost I/O error: the outer ones only wrap it.
fn find_io(error: &reqwest::Error) -> Option<&std::io::Error> {
    causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).last()
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}
