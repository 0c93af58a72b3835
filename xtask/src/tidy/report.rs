//! Sizes in view: lines of files, functions and crates, and what sticks out.

use crate::source::Source;
use crate::workspace::Workspace;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};
use std::path::Path;

/// Lines of code from which something is listed by name.
const LONG_FILE: usize = 300;
const LONG_FUNCTION: usize = 40;
const LARGE_CRATE: usize = 4_000;

/// Lines in a row from which two places are the same code twice.
const TWIN_LINES: usize = 8;

/// Returns the report: medians, tails, and what is longer than the house aims at.
pub(super) fn report(workspace: &Workspace, sources: &[Source]) -> String {
    let mut text = String::new();
    match write_report(&mut text, workspace, sources) {
        Ok(()) => text,
        Err(error) => error.to_string(),
    }
}

fn write_report(out: &mut String, workspace: &Workspace, sources: &[Source]) -> fmt::Result {
    let shipped: Vec<_> = sources.iter().filter(|source| !source.is_test_file()).collect();
    let files: Vec<_> =
        shipped.iter().map(|source| (shipped_lines(source), source.path.display().to_string())).collect();
    let functions: Vec<_> = shipped
        .iter()
        .flat_map(|source| source.functions().into_iter().map(move |f| (source, f)))
        .map(|(source, f)| (f.lines, format!("{}:{} {}", source.path.display(), f.line, f.name)))
        .collect();
    let crates = crate_sizes(workspace, &shipped);
    writeln!(out, "{:<10} {:>7} {:>7} {:>7} {:>7}", "lines per", "count", "median", "p90", "max")?;
    for (name, sizes) in [("file", &files), ("function", &functions), ("crate", &crates)] {
        let mut lines: Vec<_> = sizes.iter().map(|(lines, _)| *lines).collect();
        lines.sort_unstable();
        let (median, most, max) = (at_rank(&lines, 50), at_rank(&lines, 90), at_rank(&lines, 100));
        writeln!(out, "{name:<10} {:>7} {median:>7} {most:>7} {max:>7}", lines.len())?;
    }
    for (title, sizes, limit) in [
        ("files over", &files, LONG_FILE),
        ("functions over", &functions, LONG_FUNCTION),
        ("crates over", &crates, LARGE_CRATE),
    ] {
        let mut long: Vec<_> = sizes.iter().filter(|(lines, _)| *lines > limit).collect();
        long.sort_by(|left, right| right.cmp(left));
        writeln!(out, "\n{title} {limit} lines: {}", long.len())?;
        for (lines, name) in long {
            writeln!(out, "  {lines:>5}  {name}")?;
        }
    }
    let all: usize = sources.iter().map(Source::code_lines).sum();
    let product: usize = files.iter().map(|(lines, _)| *lines).sum();
    writeln!(out, "\ncode {product} lines, tests {} lines", all - product)?;
    let twins = twins(&shipped);
    writeln!(out, "code that is there twice ({TWIN_LINES} lines and more): {}", twins.len())?;
    for (first, second) in twins {
        writeln!(out, "  {first}  =  {second}")?;
    }
    Ok(())
}

fn crate_sizes(workspace: &Workspace, shipped: &[&Source]) -> Vec<(usize, String)> {
    let size = |folder: &Path| {
        shipped.iter().filter(|source| source.path.starts_with(folder)).map(|source| shipped_lines(source)).sum()
    };
    workspace.packages.iter().map(|package| (size(&package.folder), package.noun.clone())).collect()
}

fn shipped_lines(source: &Source) -> usize {
    source.shipped_lines().filter(|(_, line)| !line.trim().is_empty()).count()
}

fn at_rank(sorted: &[usize], percent: usize) -> usize {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or(0)
}

/// Finds runs of lines that occur in two places; each pair is named once, by where it begins.
fn twins(shipped: &[&Source]) -> Vec<(String, String)> {
    let mut seen: HashMap<String, (usize, usize)> = HashMap::new();
    let mut pairs: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
    for (file, source) in shipped.iter().enumerate() {
        let lines: Vec<_> = source.shipped_lines().filter(|(_, line)| telling(line)).collect();
        let mut covered = 0;
        for (index, window) in lines.windows(TWIN_LINES).enumerate() {
            let [(number, _), ..] = window else { continue };
            let text = window.iter().map(|(_, line)| line.trim()).collect::<Vec<_>>().join("\n");
            match seen.get(&text) {
                Some(first) if index >= covered => {
                    pairs.insert((file, *number), *first);
                    covered = index + TWIN_LINES;
                }
                Some(_) => {}
                None => drop(seen.insert(text, (file, *number))),
            }
        }
    }
    let name = |(file, line): (usize, usize)| {
        shipped.get(file).map_or_else(String::new, |source| format!("{}:{line}", source.path.display()))
    };
    pairs.into_iter().map(|(second, first)| (name(first), name(second))).collect()
}

/// Lines that say something: imports and lone braces are the same everywhere.
fn telling(line: &str) -> bool {
    let line = line.trim();
    line.len() > 3 && !line.starts_with("use ") && !line.starts_with("#[")
}

#[cfg(test)]
mod tests {
    use super::{at_rank, report, twins};
    use crate::source::Source;
    use crate::tidy::world;

    #[test]
    fn ranks_are_taken_from_the_sorted_list() {
        let lines: Vec<_> = (1..=11).collect();
        assert_eq!([at_rank(&lines, 50), at_rank(&lines, 90), at_rank(&lines, 100), at_rank(&[], 50)], [6, 10, 11, 0]);
    }

    #[test]
    fn what_sticks_out_is_named() {
        let body = "    call();\n".repeat(41);
        let source = Source::new("crates/a/src/lib.rs", format!("fn long() {{\n{body}}}\n"));
        let (_folder, workspace) = world::workspace(&[], vec![world::package("a")]);
        let report = report(&workspace, &[source]);
        assert!(report.contains("functions over 40 lines: 1\n     41  crates/a/src/lib.rs:1 long"), "{report}");
    }

    #[test]
    fn the_same_code_twice_is_found_once() {
        let lines: String = (0..10).map(|n| format!("    let value_{n} = read({n});\n")).collect();
        let sources =
            ["a", "b"].map(|name| Source::new(format!("crates/{name}/src/lib.rs"), format!("fn f() {{\n{lines}}}\n")));
        let found = twins(&sources.iter().collect::<Vec<_>>());
        assert_eq!(found, [("crates/a/src/lib.rs:1".to_owned(), "crates/b/src/lib.rs:1".to_owned())]);
    }
}
