//! Prints the configuration reference: `cargo run -p hearth-config --example reference`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(hearth_config::reference().as_bytes())
}
