//! What the last build made, so that the next one makes only what changed.

use crate::error::{Error, Problem, Severity};
use crate::output::{self, Manifest};
use crate::render::Outline;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Kept results, by the hash of everything they depend on. Empty at first; a build fills it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Cache {
    pub(crate) files: Manifest,
    pub(crate) articles: BTreeMap<String, Kept>,
}

/// A finished article: its files need not be made again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The page's file and its hash.
    pub(crate) page: (String, String),
    pub(crate) outline: Outline,
    pub(crate) told: Vec<Told>,
}

/// A warning as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    file: PathBuf,
    line: usize,
    column: usize,
    message: String,
    hint: String,
}

impl From<&Problem> for Told {
    fn from(problem: &Problem) -> Self {
        let Problem { file, line, column, message, hint, .. } = problem.clone();
        Self { file, line, column, message, hint }
    }
}

impl From<&Told> for Problem {
    fn from(told: &Told) -> Self {
        let Told { file, line, column, message, hint } = told.clone();
        Self { severity: Severity::Warning, file, line, column, message, hint }
    }
}

impl Cache {
    /// Loads what an earlier build of the site in this folder kept; empty when there is nothing or nothing usable.
    #[must_use]
    pub fn load(root: &Path) -> Self {
        let bytes = std::fs::read(file(root)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Keeps the results for the next process.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&self, root: &Path) -> Result<(), Error> {
        let bytes = serde_json::to_vec(self).map_err(|source| Error::Json { what: "the cache", source })?;
        output::write(&file(root), &bytes)
    }
}

fn file(root: &Path) -> PathBuf {
    root.join(".cache/site.json")
}
