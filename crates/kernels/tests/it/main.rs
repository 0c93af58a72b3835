//! The kernels at the crate's boundary.

mod attending;
mod numbers;
mod products;
#[cfg(test)]
mod sgemm;
