//! Where things lie: the folder that holds everything of one person's Hearth.

use crate::config::Config;
use crate::environment::Environment;
use crate::error::Error;
use crate::file;
use crate::starter::starter;
use hearth_core::session::DEFAULT_AGENT;
use std::path::{Path, PathBuf};

/// The folder that holds everything of one person's Hearth: `HEARTH_HOME`, else `~/.hearth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
    /// The person's home folder, for `~/` in settings; absent in bare containers.
    person: Option<PathBuf>,
}

/// What [`Home::create`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// There was no home, or one without a settings file: this is the first run.
    New,
    /// The home was there already.
    Existing,
}

impl Home {
    /// Finds the home: the explicit folder, else `HEARTH_HOME`, else `.hearth` in `HOME`. Touches no file.
    ///
    /// # Errors
    /// [`Error::NoHome`] when none of the three is given; [`Error::Io`] when a relative folder can't be made absolute
    /// because the working directory is gone.
    pub fn locate(explicit: Option<PathBuf>, environment: &Environment) -> Result<Self, Error> {
        let person = environment.get("HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let chosen = explicit.or_else(|| environment.get("HEARTH_HOME").map(PathBuf::from));
        let root = match (chosen, &person) {
            (Some(path), _) => expand(&path, person.as_deref()),
            (None, Some(person)) => person.join(".hearth"),
            (None, None) => return Err(Error::NoHome),
        };
        let root = std::path::absolute(&root).map_err(|source| Error::Io { action: "finding", path: root, source })?;
        Ok(Self { root, person })
    }

    /// Creates the folders (mode 0700) and a commented `hearth.json5` (mode 0600) where they are missing. Existing
    /// files are left as they are; `credentials` and `run` are closed to others even when they exist.
    ///
    /// # Errors
    /// [`Error::Io`] naming the folder that could not be made: no space, no permission, or a file in its place.
    pub fn create(&self) -> Result<Created, Error> {
        let created = if self.config_file().exists() { Created::Existing } else { Created::New };
        file::create_dir(&self.root)?;
        for folder in [self.agents_dir(), self.models_dir(), self.logs_dir()] {
            file::create_dir(&folder)?;
        }
        for folder in [self.credentials_dir(), self.run_dir()] {
            file::create_dir(&folder)?;
            file::close_to_others(&folder)?;
        }
        if created == Created::New {
            file::write(&self.config_file(), &starter())?;
        }
        Ok(created)
    }

    /// Returns the folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the settings file, `hearth.json5`.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.root.join("hearth.json5")
    }

    /// Returns an agent's folder of text files unless its settings name another: `workspace`, or `workspace-<id>`.
    #[must_use]
    pub fn workspace(&self, agent: &str) -> PathBuf {
        match agent {
            DEFAULT_AGENT => self.root.join("workspace"),
            other => self.root.join(format!("workspace-{other}")),
        }
    }

    /// Returns an agent's folder of text files: the one its settings name, else [`Self::workspace`].
    #[must_use]
    pub fn workspace_of(&self, config: &Config, agent: &str) -> PathBuf {
        let configured = config.agents.entry(agent).and_then(|entry| entry.workspace.as_deref());
        configured.map_or_else(|| self.workspace(agent), |path| self.resolve(path))
    }

    /// Returns the folder of an agent's transcripts.
    #[must_use]
    pub fn sessions_dir(&self, agent: &str) -> PathBuf {
        self.agents_dir().join(agent).join("sessions")
    }

    /// Returns the folder of model files.
    #[must_use]
    pub fn models_dir(&self) -> PathBuf {
        self.root.join("models")
    }

    /// Returns the folder of secrets.
    #[must_use]
    pub fn credentials_dir(&self) -> PathBuf {
        self.root.join("credentials")
    }

    /// Returns the folder of logs.
    #[must_use]
    pub fn logs_dir(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Returns the folder of what belongs to the running process: lock, pid, sockets, last good settings.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Makes a path from the settings absolute: `~/` is the person's home folder, relative paths start at the home.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(expand(path, self.person.as_deref()))
    }

    /// Returns a path as a person would write it: with `~/` where it lies in their home folder.
    #[must_use]
    pub fn display(&self, path: &Path) -> String {
        let inside = self.person.as_deref().and_then(|person| path.strip_prefix(person).ok());
        inside.map_or_else(|| path.display().to_string(), |rest| format!("~/{}", rest.display()))
    }

    pub(crate) fn last_good_file(&self) -> PathBuf {
        self.run_dir().join("last-good.json")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.run_dir().join("config.lock")
    }

    fn agents_dir(&self) -> PathBuf {
        self.root.join("agents")
    }
}

fn expand(path: &Path, person: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), person) {
        (Ok(rest), Some(person)) => person.join(rest),
        _ => path.to_path_buf(),
    }
}
