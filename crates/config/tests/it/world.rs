//! A temporary home with a settings file.

use hearth_config::{Environment, Home, Loaded, Overrides, load};
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) struct World {
    folder: TempDir,
    pub(crate) home: Home,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path().join("home")), &Environment::default()).unwrap();
        Self { folder, home }
    }

    pub(crate) fn with(text: &str) -> Self {
        let world = Self::new();
        world.home.create().unwrap();
        world.write(text);
        world
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(self.home.config_file(), text).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.home.config_file()).unwrap()
    }

    pub(crate) fn load(&self) -> Loaded {
        self.load_with(&[], &Overrides::default())
    }

    pub(crate) fn load_with(&self, variables: &[(&str, &str)], overrides: &Overrides) -> Loaded {
        let environment = Environment::fixed(variables.iter().copied());
        load(&self.home, &environment, overrides).unwrap()
    }

    /// What a person is told, with the folder's random name taken out.
    pub(crate) fn told(&self, loaded: &Loaded) -> String {
        let told: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
        told.join("\n").replace(&self.home.root().display().to_string(), "HOME")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
