//! The kernels at the crate's boundary.

mod attending;
mod numbers;
mod products;
mod rows;
#[cfg(test)]
mod sgemm;
mod sharing;
