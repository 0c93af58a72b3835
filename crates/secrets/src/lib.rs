//! Keeps credentials, hands out handles, redacts them from everything that leaves.
//!
//! This crate knows nothing about providers, channels or the configuration file. Read in this order:
//!
//! - `secret`: a credential in memory, never printed
//! - `reference`: where a credential comes from (literal, environment, file, the vault), and its resolution
//! - `vault`: named credentials on disk, one 0600 file each
//! - `redact`: takes credentials out of text that leaves
//!
//! ```
//! use hearth_secrets::{Redactor, Secret};
//!
//! let key = Secret::new("sk-live-0123456789");
//! assert_eq!(format!("{key:?}"), "Secret(redacted)");
//! let redactor = Redactor::new(vec![key]);
//! assert_eq!(redactor.redact("curl -H sk-live-0123456789"), "curl -H [redacted]");
//! ```

mod error;
mod redact;
mod reference;
mod secret;
mod vault;

pub use error::Error;
pub use redact::Redactor;
pub use reference::{SecretRef, resolve};
pub use secret::Secret;
pub use vault::Vault;
