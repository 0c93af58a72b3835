//! No file and no crate waives the lints for itself.

use super::Problem;
use crate::source::Source;
use crate::workspace::{Package, Workspace};
use anyhow::Result;

pub(super) fn check(_: &Package, source: &Source) -> Vec<Problem> {
    let attributes = source.code.match_indices("#![").filter_map(|(at, opening)| {
        let inside = source.code.get(at + opening.len()..)?.trim_start();
        let word = ["allow", "expect", "cfg_attr"].into_iter().find(|word| inside.starts_with(word))?;
        Some((source.line_of(at), format!("`#![{word}` waives a lint for a whole module or crate")))
    });
    let ignores = source
        .comments
        .iter()
        .filter(|comment| comment.text.contains(IGNORE))
        .map(|comment| (comment.line, format!("`{IGNORE}` waives a rule")));
    attributes
        .chain(ignores)
        .map(|(line, what)| Problem {
            file: source.path.clone(),
            line,
            what,
            fix: "mend the cause, or put `#[expect(lint, reason = \"…\")]` on the one item".to_owned(),
        })
        .collect()
}

/// Spelt in two parts, because this rule reads its own file too.
const IGNORE: &str = concat!("tidy", "-ignore");

/// Every package takes the workspace's lints.
pub(super) fn check_manifests(workspace: &Workspace) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for package in &workspace.packages {
        let file = package.folder.join("Cargo.toml");
        let manifest: toml::Table = workspace.read(&file)?.parse()?;
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        if inherits != Some(true) {
            problems.push(Problem {
                file,
                line: 1,
                what: "the package does not take the workspace's lints".to_owned(),
                fix: "add `[lints]` with `workspace = true`".to_owned(),
            });
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::{IGNORE, check, check_manifests};
    use crate::tidy::world;

    #[test]
    fn crate_wide_attributes_are_found() {
        let text =
            "//! Doc.\n#![allow(dead_code)]\n#![ expect(unused)]\n#[expect(unused, reason = \"x\")]\nfn f() {}\n";
        assert_eq!(
            world::check(check, text),
            [
                "2: `#![allow` waives a lint for a whole module or crate",
                "3: `#![expect` waives a lint for a whole module or crate"
            ]
        );
        assert_eq!(world::check(check, &format!("// {IGNORE}\n")).len(), 1);
        assert!(world::check(check, "//! About `#![allow`.\nconst A: &str = \"#![allow\";\n").is_empty());
    }

    #[test]
    fn a_manifest_without_lints_is_found() {
        let files = [
            ("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"),
            ("crates/b/Cargo.toml", "[package]\nname = \"b\"\n"),
        ];
        let (_folder, workspace) = world::workspace(&files, vec![world::package("a"), world::package("b")]);
        let problems = check_manifests(&workspace).unwrap();
        assert_eq!(world::told(&problems), ["1: the package does not take the workspace's lints"]);
        assert!(problems[0].file.starts_with("crates/b"));
    }
}
