//! What failed, told apart by what a person can do about it.

use hearth_core::error::ErrorKind;
use std::time::Duration;

/// A failed request. Addresses are shown without their query, which may hold keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be requested.
    #[error("address `{url}` can't be requested: {reason}")]
    InvalidUrl {
        /// The address as given, cut at 200 characters, without its query.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header's name or value has characters that can't be sent.
    #[error("header `{name}` can't be sent: it has characters that headers can't carry")]
    InvalidHeader {
        /// The header's name.
        name: String,
    },
    /// The request's body could not be written as JSON.
    #[error("request to {url} could not be written as JSON")]
    Encode {
        /// The address.
        url: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// The host's name could not be resolved.
    #[error("could not find {host}: its name does not resolve")]
    Dns {
        /// The host.
        host: String,
    },
    /// No way leads to the host: no network, or none to there.
    #[error("could not reach {host}: {reason}")]
    Unreachable {
        /// The host, with its port.
        host: String,
        /// The system's words.
        reason: String,
    },
    /// Nothing listens there.
    #[error("{host} refused the connection: nothing listens there")]
    Refused {
        /// The host with its port, or the socket's path.
        host: String,
    },
    /// No connection or no data within the limit.
    #[error("{host} did not {awaited} within {} s", .limit.as_secs_f32())]
    Timeout {
        /// The host, with its port.
        host: String,
        /// `accept the connection`, `start to answer`, `go on with the answer`.
        awaited: &'static str,
        /// The limit that was reached.
        limit: Duration,
    },
    /// No trustworthy encrypted connection could be made.
    #[error("could not make a secure connection to {host}: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// What was wrong: the certificate, its name, its date, the protocol.
        reason: String,
    },
    /// The connection ended before the answer began.
    #[error("{host} closed the connection before it answered: {reason}")]
    NoAnswer {
        /// The host, with its port.
        host: String,
        /// The transport's words.
        reason: String,
    },
    /// The connection ended inside the answer.
    #[error("connection to {host} broke after {received_bytes} bytes of the answer: {reason}")]
    Reset {
        /// The host, with its port.
        host: String,
        /// How much of the body had arrived.
        received_bytes: u64,
        /// The transport's words.
        reason: String,
    },
    /// The answer, or one event of it, is larger than the caller allows.
    #[error("answer from {host} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The host, with its port.
        host: String,
        /// The limit.
        limit_bytes: usize,
    },
    /// The body is not the JSON that was expected.
    #[error("answer from {host} is not the expected JSON")]
    Json {
        /// The host, with its port.
        host: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The server answered with a status that is no success.
    #[error("{host} answered {status}")]
    Status {
        /// The host, with its port.
        host: String,
        /// The status.
        status: u16,
    },
    /// Too many redirects, or one that would leave encryption.
    #[error("{host} redirects in a way that is not followed: {reason}")]
    Redirect {
        /// The host, with its port.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client itself could not be set up.
    #[error("could not set up the HTTP client: {reason}")]
    Setup {
        /// The cause, for example that no certificate authorities are installed.
        reason: String,
    },
}

impl Error {
    /// Returns the kind, for the exit code.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidUrl { .. } | Self::InvalidHeader { .. } => ErrorKind::Config,
            Self::Dns { .. } | Self::Unreachable { .. } => ErrorKind::NoNetwork,
            Self::Encode { .. } | Self::Setup { .. } => ErrorKind::Internal,
            Self::Refused { .. }
            | Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::NoAnswer { .. }
            | Self::Reset { .. }
            | Self::TooLarge { .. }
            | Self::Json { .. }
            | Self::Status { .. }
            | Self::Redirect { .. } => ErrorKind::Remote,
        }
    }

    /// True when the same request may succeed later: the service was not reached, or stopped in the middle.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Dns { .. }
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Timeout { .. }
            | Self::NoAnswer { .. }
            | Self::Reset { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 409 | 425 | 429 | 500..=599),
            Self::InvalidUrl { .. }
            | Self::InvalidHeader { .. }
            | Self::Encode { .. }
            | Self::Tls { .. }
            | Self::TooLarge { .. }
            | Self::Json { .. }
            | Self::Redirect { .. }
            | Self::Setup { .. } => false,
        }
    }
}
