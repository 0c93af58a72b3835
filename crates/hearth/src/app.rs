//! What every command starts from: the home, the environment, the settings.

use crate::error::Failure;
use crate::out;
use hearth_config::{Environment, Home, Loaded, Overrides};
use hearth_core::error::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Worker threads: turns mostly wait, and each thread costs memory.
const WORKERS: usize = 2;
/// How long running work may take to end after the command is done.
const LINGER: Duration = Duration::from_secs(1);

/// The home and the environment a command runs with.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// Where everything lies.
    pub(crate) home: Home,
    /// The variables we were started with.
    pub(crate) environment: Environment,
}

impl App {
    /// Finds the home; touches no file.
    pub(crate) fn locate(home: Option<PathBuf>) -> Result<Self, Failure> {
        let environment = Environment::from_process();
        let home = Home::locate(home, &environment).map_err(|error| of_config(&error))?;
        crate::error::install_panic_hook(Some(home.logs_dir().join(crate::log::FILE_NAME)));
        Ok(Self { home, environment })
    }

    /// Reads the settings.
    pub(crate) fn load(&self, overrides: &Overrides) -> Result<Loaded, Failure> {
        hearth_config::load(&self.home, &self.environment, overrides).map_err(|error| of_config(&error))
    }

    /// Reads the settings and says on stderr what is wrong with them.
    pub(crate) fn load_aloud(&self, overrides: &Overrides) -> Result<Loaded, Failure> {
        let loaded = self.load(overrides)?;
        for diagnostic in &loaded.diagnostics {
            out::note(diagnostic);
        }
        Ok(loaded)
    }

    /// True when a program of this name is on the `PATH`.
    pub(crate) fn has_program(&self, name: &str) -> bool {
        let path = self.environment.get("PATH").unwrap_or("/usr/bin:/bin");
        path.split(':').any(|folder| Path::new(folder).join(name).is_file())
    }

    /// Returns a path as a person would write it.
    pub(crate) fn show(&self, path: &Path) -> String {
        self.home.display(path)
    }
}

/// Runs asynchronous work to its end, or until Ctrl-C.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    block_on_uninterrupted(async {
        tokio::select! {
            result = work => result,
            signal = tokio::signal::ctrl_c() => {
                signal?;
                Err(interrupted().into())
            }
        }
    })
}

/// Runs asynchronous work that minds signals itself.
pub(crate) fn block_on_uninterrupted<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(8)
        .enable_all()
        .build()?;
    let result = runtime.block_on(Box::pin(work));
    runtime.shutdown_timeout(LINGER);
    result
}

/// The failure after Ctrl-C.
pub(crate) fn interrupted() -> Failure {
    Failure::new(ErrorKind::Interrupted, "interrupted")
        .hint("what was done is kept; the same command goes on from there")
}

/// A failure of the configuration, with its kind and hint.
pub(crate) fn of_config(error: &hearth_config::Error) -> Failure {
    Failure::new(error.kind(), error.to_string()).hint(error.hint().unwrap_or_default())
}
