//! What can be wrong with the shapes and types handed to a kernel.

use crate::{Cpu, QuantType};

/// A request that the kernels refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The GGUF type number is not one of the supported ones.
    #[error("tensor type {0} is not supported")]
    UnsupportedType(u32),
    /// A row does not consist of whole blocks.
    #[error("{ty:?} stores blocks of {block} values, which {cols} columns are not a multiple of")]
    PartialBlock {
        /// Type of the tensor.
        ty: QuantType,
        /// Values in one of its blocks.
        block: usize,
        /// Length of a row.
        cols: usize,
    },
    /// A slice is shorter or longer than its shape demands.
    #[error("{what} holds {found} elements where {expected} are needed")]
    Length {
        /// Which argument.
        what: &'static str,
        /// Elements the shape demands.
        expected: usize,
        /// Elements it has.
        found: usize,
    },
    /// Two shapes that must agree do not.
    #[error("{what}: {left} does not fit {right}")]
    Mismatch {
        /// What was compared.
        what: &'static str,
        /// First value.
        left: usize,
        /// Second value.
        right: usize,
    },
    /// A shape overflows the address space or is empty where it must not be.
    #[error("{what} of {size} is out of range")]
    OutOfRange {
        /// Which size.
        what: &'static str,
        /// The size.
        size: usize,
    },
    /// The activations were not quantized in the form this matrix multiplies with.
    #[error("activations lack the form that a {0:?} matrix needs")]
    MissingForm(QuantType),
    /// The processor lacks the instructions of the kernels asked for.
    #[error("this processor cannot run the {0:?} kernels")]
    MissingInstructions(Cpu),
    /// A worker thread could not be started.
    #[error("cannot start worker thread {index}: {message}")]
    Thread {
        /// Which worker.
        index: usize,
        /// What the system said.
        message: String,
    },
}

/// Refuses a slice whose length is not the expected one.
pub(crate) fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

/// Multiplies two sizes, refusing overflow.
pub(crate) fn product(what: &'static str, left: usize, right: usize) -> Result<usize, Error> {
    left.checked_mul(right).ok_or(Error::OutOfRange { what, size: left.max(right) })
}
