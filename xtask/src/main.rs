//! Development tasks: tidy, test, bench.

fn main() {}
