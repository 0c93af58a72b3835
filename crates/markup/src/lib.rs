//! Markdown to safe HTML, and the design tokens.
