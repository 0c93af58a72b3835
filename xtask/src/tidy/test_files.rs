//! One integration binary a crate, and no test file that it forgets.

use super::Problem;
use crate::source::Source;
use crate::workspace::{Package, Workspace};
use anyhow::Result;
use std::path::{Path, PathBuf};

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Problem>> {
    let files = workspace.rust_files()?;
    let mut problems = Vec::new();
    for package in &workspace.packages {
        problems.extend(judge(workspace, package, &files)?);
    }
    Ok(problems)
}

fn judge(workspace: &Workspace, package: &Package, files: &[PathBuf]) -> Result<Vec<Problem>> {
    let tests = package.folder.join("tests");
    let main = tests.join("it/main.rs");
    let named = if files.contains(&main) { modules(&workspace.read(&main)?) } else { Vec::new() };
    let inside = files.iter().filter_map(|file| Some((file, file.strip_prefix(&tests).ok()?)));
    Ok(inside.filter_map(|(file, inner)| Some((file, forgotten(inner, &named)?))).map(problem).collect())
}

/// Says why a file below `tests` is never run as it should.
fn forgotten(inner: &Path, named: &[String]) -> Option<(String, &'static str)> {
    let parts: Vec<_> = inner.iter().filter_map(|part| part.to_str()).collect();
    match parts.as_slice() {
        [_] => Some(("a second integration binary".to_owned(), "move it to `tests/it` and name it in `main.rs`")),
        ["it", "main.rs"] => None,
        ["it", first, ..] => {
            let module = first.trim_end_matches(".rs");
            let known = named.iter().any(|name| name == module);
            (!known).then(|| (format!("`main.rs` does not name `{module}`"), "add `mod` for it to `tests/it/main.rs`"))
        }
        _ => None,
    }
}

fn problem((file, (what, fix)): (&PathBuf, (String, &str))) -> Problem {
    Problem { file: file.clone(), line: 1, what, fix: fix.to_owned() }
}

fn modules(main: &str) -> Vec<String> {
    let source = Source::new("main.rs", main);
    let lines = source.code.lines().filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';'));
    lines.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::world;

    #[test]
    fn forgotten_files_are_found() {
        let files = [
            ("crates/a/tests/it/main.rs", "//! Tests.\nmod known;\n// mod quiet;\n"),
            ("crates/a/tests/it/known.rs", ""),
            ("crates/a/tests/it/quiet.rs", ""),
            ("crates/a/tests/other.rs", ""),
            ("crates/b/tests/it/lost.rs", ""),
        ];
        let (_folder, workspace) = world::workspace(&files, vec![world::package("a"), world::package("b")]);
        let told: Vec<_> = check(&workspace).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "crates/a/tests/it/quiet.rs:1: `main.rs` does not name `quiet`: add `mod` for it to `tests/it/main.rs`",
                "crates/a/tests/other.rs:1: a second integration binary: move it to `tests/it` and name it in `main.rs`",
                "crates/b/tests/it/lost.rs:1: `main.rs` does not name `lost`: add `mod` for it to `tests/it/main.rs`",
            ]
        );
    }
}
