//! The crate's behaviour at its boundary.

#[cfg(test)]
mod running;
