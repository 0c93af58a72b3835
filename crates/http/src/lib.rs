//! The one HTTP client: TLS, timeouts, size caps, event streams, resumable downloads.
//!
//! This crate knows no provider and no key; callers pass headers and get bytes, JSON or events, or an [`Error`] that
//! tells the cause. Nothing is tried twice here: [`Backoff`] and [`retry_after`] let the caller decide. Read in this order:
//!
//! - `client`: opens connections and sends requests; TLS is set up at the first https request
//! - `response`: what came back, always read under a size cap and an idle limit
//! - `sse`: the event stream parser
//! - `download`: a body that can be taken up again at a byte
//! - `backoff`: how long to wait before another try
//! - `error` and `cause`: what failed, told apart by what a person can do about it
//!
//! ```
//! use hearth_http::{Client, Options};
//!
//! let client = Client::new(Options::default())?;
//! # Ok::<(), hearth_http::Error>(())
//! ```

mod backoff;
mod cause;
mod client;
mod download;
mod error;
mod response;
mod sse;
mod tls;

pub use backoff::{Backoff, retry_after};
pub use bytes::Bytes;
pub use client::{Client, Options, Proxy};
pub use download::{Download, Resume};
pub use error::Error;
pub use response::{EventStream, Response};
pub use sse::{SseEvent, SseParser};
