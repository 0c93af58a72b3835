//! Starts programs under limits; the only crate that starts processes.
