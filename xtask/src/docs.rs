//! The generated documentation: pages that a program prints, and the capability table of the first page.
//!
//! - `programs`: our programs, built once as the tests build them
//! - `capabilities`: the table in `README.md`

mod capabilities;
mod programs;

use crate::output::say;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use programs::{Program, Programs};

/// A page and the program that prints it.
struct Page {
    path: &'static str,
    program: Program,
    arguments: &'static [&'static str],
}

/// Every page that is printed as a whole. A new one is one more line here.
const PRINTED: &[Page] = &[
    Page { path: "docs/reference/configuration.md", program: Program::SettingsReference, arguments: &[] },
    Page { path: "docs/reference/commands.md", program: Program::Hearth, arguments: &["reference", "commands"] },
];

/// A file as it should be.
struct Generated {
    path: &'static str,
    text: String,
}

/// Writes every page that is not up to date.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    for page in stale(workspace)? {
        let path = workspace.root.join(page.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, page.text).with_context(|| format!("writing {}", page.path))?;
        say(format_args!("docs: wrote {}", page.path));
    }
    Ok(())
}

/// Fails when a page is not what its source says.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let stale = stale(workspace)?;
    for page in &stale {
        say(format_args!("{}:1: the page is not what its source says: run `cargo xtask docs`", page.path));
    }
    if !stale.is_empty() {
        bail!("docs: {} generated pages are out of date", stale.len());
    }
    say(format_args!("docs: {} generated pages, all up to date", PRINTED.len() + 1));
    Ok(())
}

fn stale(workspace: &Workspace) -> Result<Vec<Generated>> {
    let programs = Programs::build(workspace)?;
    let mut pages = Vec::new();
    for page in PRINTED {
        let text = programs.run(page.program, page.arguments).with_context(|| format!("making {}", page.path))?;
        pages.push(Generated { path: page.path, text });
    }
    pages.push(Generated {
        path: capabilities::PAGE,
        text: capabilities::page(workspace, &programs.run(Program::Hearth, &["reference", "facts"])?)?,
    });
    pages.retain(|page| std::fs::read_to_string(workspace.root.join(page.path)).ok().as_ref() != Some(&page.text));
    Ok(pages)
}
