//! Markdown to safe HTML and to styled terminal lines, and the design tokens: one renderer and one look for every surface.
//!
//! This crate knows nothing of sessions, sockets or files: text in, text out. Read in this order:
//!
//! - [`html`]: what a browser is shown; raw HTML and dangerous links never pass
//! - [`document`]: the HTML of an article, with anchors, formulas, coloured code and what is wrong with it
//! - [`highlight`]: coloured source code
//! - [`terminal`]: the same documents as lines of styled spans, wrapped by display width
//! - [`tokens`]: `tokens.css`, the source of every colour, size and font, and its colours as constants
//!
//! ```
//! let page = hearth_markup::html("**free**: 42 GB <script>");
//! assert_eq!(page, "<p><strong>free</strong>: 42 GB &lt;script&gt;</p>\n");
//! let lines = hearth_markup::terminal("a *b*", 80);
//! assert_eq!(lines[0].text(), "a b");
//! ```

mod article;
mod dialect;
mod highlight;
mod html;
mod terminal;
pub mod tokens;

pub use article::{
    Diagnostic, Dialect, Document, Heading, Labels, Link, Options, RawHtml, Reference, Resolved, document, slug,
};
pub use highlight::highlight;
pub use html::html;
pub use terminal::{Line, Role, Span, Style, terminal};
