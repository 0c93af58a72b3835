//! The kernels at the crate's boundary.

mod numbers;
mod products;
mod sgemm;
