//! The first run: what is missing is made, what can be found out is found out, and each of it is said in one line.

mod ask;
mod fetching;

pub(crate) use ask::{secret as ask_secret, yes as ask_yes};

use crate::app::App;
use crate::error::Failure;
use crate::out::{self, Paint};
use crate::wiring::{Choice, choose};
use hearth_config::{Created, Loaded, Overrides};

/// Whether the person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Questions {
    /// They sit at the terminal.
    Ask,
    /// Defaults are taken: `--yes`, or there is no terminal.
    TakeDefaults,
}

/// What the first steps found.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The settings.
    pub(crate) loaded: Loaded,
    /// The model that answers.
    pub(crate) choice: Choice,
}

/// Makes the home, reads the settings, finds a model and fetches it when there is none.
pub(crate) async fn prepare(app: &App, overrides: &Overrides, questions: Questions) -> Result<Prepared, Failure> {
    let paint = Paint::stderr();
    out::note(format!("{} {} · your own AI, on this machine\n", paint.strong("Hearth"), env!("CARGO_PKG_VERSION")));
    let created = app.home.create().map_err(|error| crate::app::of_config(&error))?;
    let state = if created == Created::New { "created" } else { "" };
    row("home", &format!("{:<32} {state}", app.show(app.home.root())));
    let loaded = app.load_aloud(overrides)?;
    let mut choice = choose(app, &loaded).await?;
    if let Choice::Missing(entry) = &choice {
        row("model", "no provider key found, no local server found");
        choice = fetching::fetch(app, &loaded, entry, questions).await?;
    }
    row("model", &choice.describe());
    row(
        "tools",
        &format!("read, write, edit, bash; commands run as you, in {}", app.show(&app.home.workspace("main"))),
    );
    Ok(Prepared { loaded, choice })
}

/// Prints one finding: `  model      …`.
pub(crate) fn row(name: &str, what: &str) {
    out::note(format!("  {} {}", Paint::stderr().dim(&format!("{name:<10}")), what.trim_end()));
}
