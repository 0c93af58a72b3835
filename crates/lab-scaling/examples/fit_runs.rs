//! Fits the Chinchilla law to a table of runs: `cargo run --release -p hearth-lab-scaling --example fit_runs -- runs.csv [DROP]`.

use hearth_lab_scaling::{parametric, runs};

#[expect(clippy::print_stdout, reason = "an example's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let path = arguments.get(1).ok_or("name a CSV file with the columns N, D (or C) and loss")?;
    let mut table = runs::parse(&std::fs::read_to_string(path)?)?;
    if let Some(count) = arguments.get(2) {
        runs::drop_lowest_ratio(&mut table, count.parse()?);
    }
    let found = parametric::fit(&table, 2, 200, 1)?;
    println!("{found:#?}");
    println!("tokens a parameter at 5.76e23: {:.1}", {
        let best = found.law.optimum(5.76e23);
        best.tokens / best.parameters
    });
    Ok(())
}
