//! The interface over HTTP/1.1, on a Unix socket, a loopback port, or both.
//!
//! - [`options`]: what to serve and where
//! - [`listen`]: sockets, connections, and when to stop
//! - [`route`]: which path does what
//! - [`wire`]: the JSON that comes in
//! - [`chat`]: one request from JSON to answer
//! - [`reply`]: the JSON and the event stream that go out

mod chat;
mod listen;
mod options;
mod reply;
mod route;
mod wire;

pub use listen::serve;
pub use options::{ServeError, ServeOptions};
