//! TLS settings: the machine's certificate authorities, one crypto library, no process-wide state.

use crate::error::Error;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// TLS that trusts what the machine trusts. Reads the machine's certificates: milliseconds, so only when needed.
pub(crate) fn trusting() -> Result<ClientConfig, Error> {
    let setup = |error: rustls::Error| Error::Setup { reason: reason(&error) };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(setup)?;
    let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(setup)?;
    let mut config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// TLS that trusts nobody: for clients that never leave the machine and must cost nothing to make.
pub(crate) fn unused() -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setup { reason: error.to_string() })?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn reason(error: &rustls::Error) -> String {
    format!("{error}; is the package ca-certificates installed?")
}
