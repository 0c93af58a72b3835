//! A site in a temporary folder.

use hearth_site::{Cache, Error, Options, Report, build};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) cache: Cache,
}

impl World {
    /// Two languages, and what the test adds.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), cache: Cache::default() };
        world.write(
            "site.toml",
            "title = \"T & T\"\ndescription = \"About.\"\nurl = \"https://e.org/b\"\nauthor = \"A\"\n\
             locales = [\"en\", \"ko\"]\nposts_per_page = 2\n",
        );
        files.iter().for_each(|(path, text)| world.write(path, text));
        world
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    pub(crate) fn post(&self, slug: &str, head: &str, body: &str) {
        self.write(&format!("content/posts/en/{slug}.md"), &format!("---\ntitle: {slug}\n{head}\n---\n{body}"));
    }

    pub(crate) fn options(&self) -> Options {
        Options::new(self.folder.path())
    }

    pub(crate) fn try_build(&mut self) -> Result<Report, Error> {
        build(&Options::new(self.folder.path()), &mut self.cache)
    }

    pub(crate) fn build(&mut self) -> Report {
        self.try_build().unwrap()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        let file = self.folder.path().join("dist").join(path);
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.folder.path().join("dist").join(path).exists()
    }

    /// Every file of the finished site.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let root = self.folder.path().join("dist");
        let mut found = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let (inner, files): (Vec<_>, Vec<PathBuf>) = paths.partition(|path| path.is_dir());
            folders.extend(inner);
            let read = |path: PathBuf| (slashes(path.strip_prefix(&root).unwrap()), std::fs::read(&path).unwrap());
            found.extend(files.into_iter().map(read));
        }
        found
    }
}

fn slashes(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
