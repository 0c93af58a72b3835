//! Scripted models, fake providers, temporary homes, fixed clocks; for tests only.
//!
//! - [`scripted`]: a model that answers from a script and remembers what it was asked
//! - [`home`]: a temporary home and a clock that stands still

pub mod home;
pub mod scripted;
