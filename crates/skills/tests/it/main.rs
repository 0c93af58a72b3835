//! What the crate promises, checked from outside.

#[cfg(test)]
mod folders;
