//! The rules of the house that no compiler checks. Each rule is one file with its tests.

mod architecture;
mod comments;
mod concurrency;
mod errors;
mod layers;
mod module_docs;
mod owners;
mod paths;
mod report;
mod silencing;
mod state;
mod test_files;

use crate::output::say;
use crate::source::Source;
use crate::workspace::{Package, Workspace};
use anyhow::{Result, bail};
use std::fmt;
use std::path::PathBuf;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    file: PathBuf,
    /// From 1.
    line: usize,
    what: String,
    fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}: {}", self.file.display(), self.line, self.what, self.fix)
    }
}

/// A rule about one Rust file.
type FileRule = fn(&Package, &Source) -> Vec<Problem>;

const FILE_RULES: &[FileRule] = &[
    module_docs::check,
    silencing::check,
    comments::check,
    errors::check,
    state::check,
    concurrency::check,
    owners::check,
    paths::check,
];

/// A rule about the workspace as a whole.
type WorkspaceRule = fn(&Workspace) -> Result<Vec<Problem>>;

const WORKSPACE_RULES: &[WorkspaceRule] =
    &[layers::check, silencing::check_manifests, errors::check_manifests, test_files::check, architecture::check];

/// Checks every rule; `report` adds the sizes.
pub(crate) fn run(workspace: &Workspace, report: bool) -> Result<()> {
    let sources = sources(workspace)?;
    if report {
        say(report::report(workspace, &sources));
    }
    let mut problems = Vec::new();
    for source in &sources {
        let Some(package) = workspace.packages.iter().find(|package| source.path.starts_with(&package.folder)) else {
            continue;
        };
        problems.extend(FILE_RULES.iter().flat_map(|rule| rule(package, source)));
    }
    for rule in WORKSPACE_RULES {
        problems.extend(rule(workspace)?);
    }
    problems.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
    for problem in &problems {
        say(problem);
    }
    if !problems.is_empty() {
        bail!("tidy: {} problems in {} files", problems.len(), sources.len());
    }
    say(format_args!("tidy: {} files, no problems", sources.len()));
    Ok(())
}

fn sources(workspace: &Workspace) -> Result<Vec<Source>> {
    let files = workspace.rust_files()?;
    files.into_iter().map(|file| Ok(Source::new(file.clone(), workspace.read(&file)?))).collect()
}

/// Makes the problems of a rule that looks for words in the shipped code of a file.
fn find_in_code(source: &Source, words: &[&str], what: &str, fix: &str) -> Vec<Problem> {
    let hit = |line: &str| words.iter().find(|word| line.contains(*word)).copied();
    source
        .shipped_lines()
        .filter_map(|(number, line)| Some((number, hit(line)?)))
        .map(|(line, word)| Problem {
            file: source.path.clone(),
            line,
            what: format!("{what} `{}`", word.trim_end_matches('(')),
            fix: fix.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod world {
    //! What the rules' tests need.

    use super::{FileRule, Problem};
    use crate::source::Source;
    use crate::workspace::{Package, Workspace};
    use std::path::{Path, PathBuf};

    pub(super) fn package(noun: &str) -> Package {
        Package { noun: noun.to_owned(), folder: Path::new("crates").join(noun), dependencies: Vec::new() }
    }

    /// Applies a rule to a snippet of a library; returns `line: what` for each problem.
    pub(super) fn check(rule: FileRule, text: &str) -> Vec<String> {
        let source = Source::new("crates/x/src/y.rs", text);
        told(&rule(&package("x"), &source))
    }

    pub(super) fn told(problems: &[Problem]) -> Vec<String> {
        problems.iter().map(|problem| format!("{}: {}", problem.line, problem.what)).collect()
    }

    /// Makes a workspace of files in a temporary folder.
    pub(super) fn workspace(files: &[(&str, &str)], packages: Vec<Package>) -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path: PathBuf = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let workspace = Workspace { root: folder.path().to_path_buf(), packages };
        (folder, workspace)
    }
}
