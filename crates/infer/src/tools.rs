//! Tool calls that hold.
//!
//! Small models write calls in whatever form they feel like, call tools for small talk and talk about calls instead
//! of making them. So Hearth gives them a form in which answering is a choice like any other: the answer's first word is
//! the name of a tool, followed by its arguments, or `reply`, followed by text. While it is written, a grammar made
//! of the tools' schemas forbids every token that would break it ([`constrain`]).
//!
//! - [`form`]: the conversation in that form
//! - [`signature`]: a tool's schema in the few words a small model can follow
//! - [`constrain`]: the grammar, applied to the scores
//! - [`action`]: reads the form while it is written
//! - [`lenient`]: reads what models write in forms of their own

pub(crate) mod action;
pub(crate) mod constrain;
pub(crate) mod examples;
pub(crate) mod form;
pub(crate) mod lenient;
pub(crate) mod signature;

/// The action that is not a tool.
pub(crate) const REPLY: &str = "reply";

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text for the person.
    Text(String),
    /// A complete call.
    Call {
        /// The tool.
        name: String,
        /// A JSON object.
        arguments: String,
    },
}
