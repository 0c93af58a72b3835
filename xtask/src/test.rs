//! Everything that must hold before a commit, stage by stage; the first stage that fails ends the run.

use crate::output::say;
use crate::stopwatch::Stopwatch;
use crate::workspace::Workspace;
use crate::{docs, tidy};
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// Runs all stages. Needs the Rust toolchain and, the first time, the crates the lock file names.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let whole = Stopwatch::start();
    stage("format", || {
        component(workspace, "rustfmt", "fmt")?;
        cargo(workspace, &["fmt", "--all", "--check"])
    })?;
    stage("tidy", || tidy::run(workspace, false))?;
    stage("lints", || {
        component(workspace, "clippy", "clippy")?;
        cargo(workspace, &["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"])
    })?;
    stage("generated docs", || docs::check(workspace))?;
    if answers(workspace, &["nextest", "--version"]) {
        stage("examples in docs", || cargo(workspace, &["test", "--workspace", "--doc", "--locked", "--quiet"]))?;
        stage("tests", || cargo(workspace, &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]))?;
    } else {
        stage("tests", || cargo(workspace, &["test", "--workspace", "--locked", "--no-fail-fast"]))?;
    }
    say(format_args!("all stages passed in {}", whole.seconds()));
    Ok(())
}

/// Runs one stage between two lines that name it.
fn stage(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    let watch = Stopwatch::start();
    say(format_args!("── {name}"));
    let result = run();
    let word = if result.is_ok() { "passed" } else { "FAILED" };
    say(format_args!("── {name}: {word} in {}", watch.seconds()));
    result.with_context(|| format!("stage `{name}` failed"))
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    let status = workspace.cargo().args(arguments).status()?;
    if !status.success() {
        bail!("`cargo {}` failed", arguments.join(" "));
    }
    Ok(())
}

/// Adds a toolchain component when it is missing: a minimal toolchain has neither formatter nor lints.
fn component(workspace: &Workspace, name: &str, command: &str) -> Result<()> {
    if answers(workspace, &[command, "--version"]) {
        return Ok(());
    }
    say(format_args!("{name} is missing from the toolchain; adding it with rustup"));
    let added = Command::new("rustup").args(["component", "add", name]).current_dir(&workspace.root).status();
    if !added.is_ok_and(|status| status.success()) || !answers(workspace, &[command, "--version"]) {
        bail!(
            "{name} is missing and could not be added; run `rustup component add {name}`, or install your system's {name} package"
        );
    }
    Ok(())
}

fn answers(workspace: &Workspace, arguments: &[&str]) -> bool {
    let mut command = workspace.cargo();
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
