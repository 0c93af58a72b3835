//! Who may depend on whom: the edges cargo sees against `layers.toml`.

use super::Problem;
use crate::workspace::{Package, Workspace};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FILE: &str = "xtask/layers.toml";

/// Only tests may use these.
const DEV_ONLY: &[&str] = &["testkit"];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Problem>> {
    let law = workspace.read(Path::new(FILE))?;
    let rows: BTreeMap<String, Vec<String>> = toml::from_str(&law).context("reading xtask/layers.toml")?;
    Ok(workspace.packages.iter().flat_map(|package| judge(package, &rows)).collect())
}

fn judge(package: &Package, rows: &BTreeMap<String, Vec<String>>) -> Vec<Problem> {
    let problem = |what, fix| Problem { file: package.folder.join("Cargo.toml"), line: 1, what, fix };
    let Some(row) = rows.get(&package.noun) else {
        let what = format!("`{}` has no row in {FILE}", package.noun);
        return vec![problem(what, "a new crate is a design decision: add its row and its sentence".to_owned())];
    };
    let reachable = reachable(row, rows);
    let allowed = |name: &str, dev: bool| {
        let listed = row.iter().any(|entry| entry == name || (entry == "*" && !DEV_ONLY.contains(&name)));
        listed || (dev && (DEV_ONLY.contains(&name) || reachable.contains(name)))
    };
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.internal && !allowed(&dependency.name, dependency.dev))
        .map(|dependency| {
            let what = format!("`{}` may not depend on `{}`", package.noun, dependency.name);
            problem(what, format!("use what its row in {FILE} lists ({})", row.join(", ")))
        })
        .collect()
}

/// Returns what the crates of a row use, and what those use, and so on.
fn reachable<'a>(row: &'a [String], rows: &'a BTreeMap<String, Vec<String>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = row.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if found.insert(name) {
            open.extend(rows.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::world;
    use crate::workspace::{Dependency, Package};

    fn package(noun: &str, uses: &[(&str, bool)]) -> Package {
        let dependency =
            |(name, dev): &(&str, bool)| Dependency { name: (*name).to_owned(), internal: true, dev: *dev };
        Package { dependencies: uses.iter().map(dependency).collect(), ..world::package(noun) }
    }

    fn told(packages: Vec<Package>) -> Vec<String> {
        let law = "core = []\ntools = [\"core\"]\nagent = [\"tools\"]\nhearth = [\"*\"]\n";
        let (_folder, workspace) = world::workspace(&[("xtask/layers.toml", law)], packages);
        check(&workspace).unwrap().into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn edges_outside_of_the_table_are_found() {
        let packages =
            vec![package("core", &[("tools", false)]), package("tools", &[("agent", true)]), package("new", &[])];
        assert_eq!(
            told(packages),
            [
                "`core` may not depend on `tools`",
                "`tools` may not depend on `agent`",
                "`new` has no row in xtask/layers.toml"
            ]
        );
    }

    #[test]
    fn listed_edges_and_tests_on_testkit_are_not() {
        let packages = vec![
            package("agent", &[("tools", false), ("core", true)]),
            package("tools", &[("core", false), ("testkit", true)]),
            package("hearth", &[("agent", false), ("core", true)]),
        ];
        assert!(told(packages).is_empty());
        assert_eq!(told(vec![package("agent", &[("core", false)])]), ["`agent` may not depend on `core`"]);
        assert_eq!(told(vec![package("hearth", &[("testkit", false)])]), ["`hearth` may not depend on `testkit`"]);
    }
}
