//! Defaults, files, environment and flags as one typed configuration whose every value knows its source.
