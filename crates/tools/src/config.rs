//! What the tools may touch.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the tools may touch, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolsConfig {
    /// The agent's own folder: read and written freely; relative paths start here.
    pub workspace: PathBuf,
    /// Folders outside the workspace that the owner opened.
    pub grants: Vec<Grant>,
    /// Files and folders that no grant opens, such as the folder of the credentials.
    pub protected: Vec<PathBuf>,
    /// The shell of the bash tool; a name without `/` is looked for in the `PATH` of [`Self::env`].
    pub shell: PathBuf,
    /// The whole environment of commands: nothing secret belongs in here.
    pub env: Vec<(OsString, OsString)>,
    /// How long a command may take when its call does not say.
    pub bash_timeout: Duration,
    /// How long a command may take at most; longer wishes are cut to it.
    pub bash_timeout_max: Duration,
    /// How many bytes of a command's output a model is shown; the middle of longer output is left out.
    pub output_cap_bytes: usize,
    /// How many bytes of a text file one read returns.
    pub read_cap_bytes: usize,
    /// How many lines of a text file one read returns.
    pub read_cap_lines: usize,
    /// How many bytes an image may have to be shown to a model; providers take 5 MB in base64, which is a third more.
    pub image_cap_bytes: usize,
    /// How many bytes a file may have to be written or edited.
    pub write_cap_bytes: usize,
    /// How many background commands may run at a time.
    pub background_jobs: usize,
}

impl ToolsConfig {
    /// Makes the default configuration: no grants, `bash`, 120 s a command.
    pub fn new(workspace: impl Into<PathBuf>, env: Vec<(OsString, OsString)>) -> Self {
        Self {
            workspace: workspace.into(),
            grants: Vec::new(),
            protected: Vec::new(),
            shell: PathBuf::from("bash"),
            env,
            bash_timeout: Duration::from_secs(120),
            bash_timeout_max: Duration::from_secs(1_800),
            output_cap_bytes: 30_000,
            read_cap_bytes: 50_000,
            read_cap_lines: 2_000,
            image_cap_bytes: 3_750_000,
            write_cap_bytes: 10_000_000,
            background_jobs: 8,
        }
    }

    /// Returns the home folder that `~` stands for: `HOME` of the commands' environment.
    pub(crate) fn home(&self) -> Option<&Path> {
        let home = self.env.iter().find(|(name, _)| name == OsStr::new("HOME"));
        home.map(|(_, value)| Path::new(value)).filter(|path| path.is_absolute())
    }
}

/// A folder (or file) outside the workspace that the owner opened to the tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The folder; absolute, or starting with `~/`.
    pub path: PathBuf,
    /// What may be done in it.
    pub access: Access,
}

/// What may be done in a folder. Commands of the bash tool are not bound by it until the sandbox confines them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Files may be read and folders listed.
    #[default]
    Read,
    /// Files may be made, changed and replaced too.
    ReadWrite,
}
