//! Configurations that make no model, and inputs that do not fit one.

/// Why a model could not be made or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A size of the configuration is impossible.
    #[error("{what} is {found}: {wanted}")]
    Config {
        /// The setting.
        what: &'static str,
        /// Its value.
        found: usize,
        /// What it has to be.
        wanted: &'static str,
    },
    /// A sequence longer than the model's positions.
    #[error("a sequence of {found} tokens does not fit the context of {limit}")]
    TooLong {
        /// Its length.
        found: usize,
        /// The model's context.
        limit: usize,
    },
    /// An operation refused its inputs.
    #[error(transparent)]
    Tensor(#[from] hearth_lab_tensor::Error),
}

/// Checks that no size is zero.
pub(crate) fn at_least_one<const COUNT: usize>(sizes: [(&'static str, usize); COUNT]) -> Result<(), Error> {
    match sizes.into_iter().find(|(_, found)| *found == 0) {
        Some((what, found)) => Err(Error::Config { what, found, wanted: "at least 1" }),
        None => Ok(()),
    }
}
