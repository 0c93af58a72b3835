//! The programs that print documentation, built once.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The whole workspace and an example are named so that cargo picks the same features as for the tests: what is built
/// here need not be built again there.
const BUILD: &[&str] = &[
    "build",
    "--workspace",
    "--bin",
    "hearth",
    "--example",
    "reference",
    "--quiet",
    "--message-format=json-render-diagnostics",
];

/// Which program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    /// The command itself.
    Hearth,
    /// The example `reference` of `hearth-config`.
    SettingsReference,
}

impl Program {
    /// The name of its target.
    fn target(self) -> &'static str {
        match self {
            Self::Hearth => "hearth",
            Self::SettingsReference => "reference",
        }
    }
}

/// Programs that are ready to run.
#[derive(Debug)]
pub(super) struct Programs {
    executables: Vec<(String, PathBuf)>,
}

impl Programs {
    /// Builds them; what the compiler complains about goes to standard error.
    pub(super) fn build(workspace: &Workspace) -> Result<Self> {
        let built = workspace.cargo().args(BUILD).stderr(Stdio::inherit()).output()?;
        if !built.status.success() {
            bail!("`cargo {}` failed", BUILD.join(" "));
        }
        Ok(Self { executables: executables(&String::from_utf8_lossy(&built.stdout)) })
    }

    /// Runs one and returns what it prints.
    pub(super) fn run(&self, program: Program, arguments: &[&str]) -> Result<String> {
        let target = program.target();
        let found = self.executables.iter().find(|(name, _)| name == target);
        let (_, path) = found.with_context(|| format!("cargo built no program `{target}`"))?;
        let output = Command::new(path).args(arguments).output().with_context(|| format!("running `{target}`"))?;
        if !output.status.success() {
            bail!("`{target} {}` failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        String::from_utf8(output.stdout).with_context(|| format!("what `{target}` prints is not text"))
    }
}

/// Reads cargo's messages: each target that is a program, by name.
fn executables(messages: &str) -> Vec<(String, PathBuf)> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found = messages.filter_map(|message| {
        Some((message["target"]["name"].as_str()?.to_owned(), message["executable"].as_str()?.into()))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::executables;

    #[test]
    fn programs_are_found_among_libraries_and_other_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"core"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"hearth"},"executable":"target/debug/hearth"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executables(messages), [("hearth".to_owned(), "target/debug/hearth".into())]);
    }
}
