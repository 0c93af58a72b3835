//! The one HTTP client: TLS, timeouts, retries, size caps.
