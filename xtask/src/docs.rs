//! The generated pages: each is what a command prints.

use crate::output::say;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// A page and the cargo command that prints it.
struct Page {
    path: &'static str,
    command: &'static [&'static str],
}

/// Every generated page. A new one is one more line here.
const GENERATED: &[Page] = &[Page {
    path: "docs/reference/configuration.md",
    command: &["run", "--quiet", "--package", "hearth-config", "--example", "reference"],
}];

/// Writes every page that is not up to date.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    for page in stale(workspace)? {
        let path = workspace.root.join(page.0);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, page.1).with_context(|| format!("writing {}", page.0))?;
        say(format_args!("docs: wrote {}", page.0));
    }
    Ok(())
}

/// Fails when a page is not what its command prints.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let stale = stale(workspace)?;
    for (path, _) in &stale {
        say(format_args!("{path}:1: the page is not what its command prints: run `cargo xtask docs`"));
    }
    if !stale.is_empty() {
        bail!("docs: {} of {} generated pages are out of date", stale.len(), GENERATED.len());
    }
    say(format_args!("docs: {} generated pages, all up to date", GENERATED.len()));
    Ok(())
}

fn stale(workspace: &Workspace) -> Result<Vec<(&'static str, String)>> {
    let mut stale = Vec::new();
    for page in GENERATED {
        let wanted = generate(workspace, page)?;
        let present = std::fs::read_to_string(workspace.root.join(page.path)).unwrap_or_default();
        if present != wanted {
            stale.push((page.path, wanted));
        }
    }
    Ok(stale)
}

fn generate(workspace: &Workspace, page: &Page) -> Result<String> {
    let output = Command::new(env!("CARGO")).args(page.command).current_dir(&workspace.root).output()?;
    if !output.status.success() {
        bail!("making {} failed:\n{}", page.path, String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} is not text", page.path))
}
