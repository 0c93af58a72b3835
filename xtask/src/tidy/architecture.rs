//! The documents tell what is there: the code map names every crate, and paths in backticks exist.

use super::Problem;
use crate::workspace::Workspace;
use anyhow::Result;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const MAP: &str = "ARCHITECTURE.md";

/// Folders whose paths a document may name; other words in backticks are not ours to judge.
const OURS: &[&str] = &["crates/", "docs/", "xtask/"];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for document in workspace.documents()? {
        let text = workspace.read(&document)?;
        problems.extend(broken_paths(workspace, &document, &text));
        if document == Path::new(MAP) {
            problems.extend(map_problems(workspace, &text));
        }
    }
    Ok(problems)
}

fn broken_paths(workspace: &Workspace, document: &Path, text: &str) -> Vec<Problem> {
    let named = text.lines().enumerate().flat_map(|(index, line)| {
        let between = line.split('`').skip(1).step_by(2);
        between.filter(|word| is_our_path(word)).map(move |word| (index + 1, word))
    });
    named
        .filter(|(_, word)| !workspace.root.join(word).exists())
        .map(|(line, word)| Problem {
            file: document.to_path_buf(),
            line,
            what: format!("`{word}` does not exist"),
            fix: "name the file that took its place".to_owned(),
        })
        .collect()
}

/// Patterns (`crates/<noun>`, `docs/*.md`) and commands are not paths.
fn is_our_path(word: &str) -> bool {
    OURS.iter().any(|folder| word.starts_with(folder)) && !word.contains(['<', '*', ' ', '…', '{'])
}

/// Compares the table below the heading `Code map` with the packages.
fn map_problems(workspace: &Workspace, text: &str) -> Vec<Problem> {
    let rows = map_rows(text);
    let problem = |line, what, fix: &str| Problem { file: PathBuf::from(MAP), line, what, fix: fix.to_owned() };
    let packages: BTreeSet<_> = workspace.packages.iter().map(|package| package.noun.as_str()).collect();
    let listed: BTreeSet<_> = rows.iter().map(|(_, name)| *name).collect();
    let missing = packages.difference(&listed).map(|name| {
        problem(
            1,
            format!("the code map does not list `{name}`"),
            "add a row: crate, what it is, what it must not know",
        )
    });
    let surplus = rows.iter().filter(|(_, name)| !packages.contains(name)).map(|(line, name)| {
        problem(*line, format!("the code map lists `{name}`, which is no crate"), "remove the row")
    });
    missing.chain(surplus).collect()
}

fn map_rows(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate().skip_while(|(_, line)| !line.starts_with("## Code map")).skip(1);
    let section = lines.take_while(|(_, line)| !line.starts_with("## "));
    section.filter_map(|(index, line)| Some((index + 1, line.strip_prefix("| `")?.split('`').next()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::world;

    #[test]
    fn a_map_that_lies_is_found() {
        let map = "# Architecture\n\n## Code map\n\n| crate | what |\n|---|---|\n| `a` | one |\n| `gone` | two |\n\n\
                   ## Rest\n\n| `other` | table |\nSee `crates/a/src/lib.rs`, `crates/a/src/lost.rs`, `crates/<noun>` and `cargo x`.\n";
        let files = [("ARCHITECTURE.md", map), ("crates/a/src/lib.rs", "")];
        let (_folder, workspace) = world::workspace(&files, vec![world::package("a"), world::package("b")]);
        assert_eq!(
            world::told(&check(&workspace).unwrap()),
            [
                "13: `crates/a/src/lost.rs` does not exist",
                "1: the code map does not list `b`",
                "8: the code map lists `gone`, which is no crate"
            ]
        );
    }
}
