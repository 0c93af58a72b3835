//! What the last build made, so that the next one makes only what changed.

use crate::build::Report;
use crate::error::{Error, Problem, Severity};
use crate::output::{self, Manifest};
use crate::render::Outline;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Finished articles, by the hash of everything they depend on.
pub(crate) type Articles = BTreeMap<String, Kept>;

/// Kept results. Empty at first; a build fills it.
#[derive(Debug, Default)]
pub struct Cache {
    head: Head,
    pub(crate) files: Manifest,
    articles: Articles,
    /// Articles as they were saved: read only when something has changed.
    unread: Vec<u8>,
    /// Whether there is anything that was not saved.
    changed: bool,
}

/// What tells that nothing has changed, and what is said then.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Head {
    stamp: String,
    pages: usize,
    posts: usize,
    told: Vec<Told>,
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
        std::fs::read(file(root)).ok().and_then(Self::parse).unwrap_or_default()
    }

    /// A line of JSON, a line `path\thash` for each file, an empty line, the articles as JSON.
    fn parse(mut bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.windows(2).position(|window| window == b"\n\n")?;
        let unread = bytes.split_off(end + 2);
        let text = std::str::from_utf8(&bytes).ok()?;
        let (head, files) = text.trim_end_matches('\n').split_once('\n')?;
        let files =
            files.lines().map(|line| line.split_once('\t').map(|(path, hash)| (path.to_owned(), hash.to_owned())));
        Some(Self {
            head: serde_json::from_str(head).ok()?,
            files: files.collect::<Option<_>>()?,
            articles: Articles::new(),
            unread,
            changed: false,
        })
    }

    /// Keeps the results for the next process.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&self, root: &Path) -> Result<(), Error> {
        if !self.changed {
            return Ok(());
        }
        let wrong = |source| Error::Json { what: "the cache", source };
        let mut bytes = serde_json::to_vec(&self.head).map_err(wrong)?;
        bytes.push(b'\n');
        self.files.iter().for_each(|(path, hash)| bytes.extend_from_slice(format!("{path}\t{hash}\n").as_bytes()));
        bytes.push(b'\n');
        serde_json::to_writer(&mut bytes, &self.articles).map_err(wrong)?;
        output::write(&file(root), &bytes)
    }

    /// The articles, read now if they were not yet.
    pub(crate) fn articles(&mut self) -> &mut Articles {
        if !self.unread.is_empty() {
            // What can't be understood, from another version for instance, is made again.
            self.articles = serde_json::from_slice(&self.unread).unwrap_or_default();
            self.unread = Vec::new();
        }
        &mut self.articles
    }

    /// What the last build said, when this one would do the same again.
    pub(crate) fn unchanged(&self, stamp: &str, folder: &Path) -> Option<Report> {
        let files: Vec<_> = self.files.keys().collect();
        let same = self.head.stamp == stamp && files.par_iter().all(|path| folder.join(path).is_file());
        same.then(|| Report {
            pages: self.head.pages,
            posts: self.head.posts,
            files: self.files.len(),
            problems: self.head.told.iter().map(Problem::from).collect(),
            ..Report::default()
        })
    }

    /// Remembers what a build did.
    pub(crate) fn remember(&mut self, stamp: String, files: Manifest, report: &Report) {
        let told = report.problems.iter().map(Told::from).collect();
        self.head = Head { stamp, pages: report.pages, posts: report.posts, told };
        self.files = files;
        self.changed = true;
    }
}

fn file(root: &Path) -> PathBuf {
    root.join(".cache/site")
}
