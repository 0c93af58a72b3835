//! The `hearth` command: one file a subcommand, wiring, exit codes.

fn main() {}
