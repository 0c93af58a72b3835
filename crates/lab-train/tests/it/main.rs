//! The crate at its boundary: runs that go on after a kill, and experiments from start to report.

#[cfg(test)]
mod experiments;
#[cfg(test)]
mod resume;
