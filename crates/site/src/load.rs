//! From the site's folder to everything it says: settings, words, texts in order, files to copy.

use crate::config::{self, Config};
use crate::entry::{Entry, Kind};
use crate::error::{Error, Problem, Severity};
use crate::images;
use crate::strings::Strings;
use crate::text::place;
use crate::urls::Urls;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// A text may have this many bytes.
const LONGEST_TEXT: u64 = 8 * 1024 * 1024;

/// Names that pages of the site's own have.
const RESERVED: &[&str] = &["posts", "tags", "categories", "search", "page", "media", "assets", "for-agents", "index"];

/// A file that is copied as it is.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    pub(crate) from: PathBuf,
    /// Pixels, where it is a picture.
    pub(crate) size: Option<(u32, u32)>,
}

/// Everything a site says.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) urls: Urls,
    pub(crate) strings: BTreeMap<String, Strings>,
    /// In the order of lists: by language, pinned ones first, then the newest, then by name.
    pub(crate) entries: Vec<Entry>,
    /// Files to copy by their path on the site.
    pub(crate) copied: BTreeMap<String, Copied>,
    pub(crate) warnings: Vec<Problem>,
    index: BTreeMap<Key, usize>,
}

impl Site {
    /// The posts of a language in the order of lists.
    pub(crate) fn posts<'a>(&'a self, locale: &'a str) -> impl Iterator<Item = &'a Entry> + 'a {
        self.entries.iter().filter(move |entry| entry.kind == Kind::Post && entry.locale == locale)
    }

    /// The pages of a language in the order of the navigation.
    pub(crate) fn pages<'a>(&'a self, locale: &'a str) -> impl Iterator<Item = &'a Entry> + 'a {
        self.entries.iter().filter(move |entry| entry.kind == Kind::Page && entry.locale == locale)
    }

    /// The same text in every language that has it.
    pub(crate) fn translations<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a Entry> + 'a {
        self.config.locales.iter().filter_map(move |locale| self.find(entry.kind, locale, &entry.slug))
    }

    pub(crate) fn find(&self, kind: Kind, locale: &str, slug: &str) -> Option<&Entry> {
        let key = (kind, locale.to_owned(), slug.to_owned());
        self.index.get(&key).and_then(|at| self.entries.get(*at))
    }

    pub(crate) fn words(&self, locale: &str) -> Option<&Strings> {
        self.strings.get(locale)
    }
}

/// Reads a site's folder. Every mistake in it is found before anything is said.
pub(crate) fn load(root: &Path, drafts: bool) -> Result<Site, Error> {
    let config_file = root.join(config::FILE);
    let text = std::fs::read_to_string(&config_file).map_err(Error::read(&config_file))?;
    let config = Config::parse(&text).map_err(|problems| Error::Invalid { problems })?;
    let mut strings = BTreeMap::new();
    for locale in &config.locales {
        strings.insert(locale.clone(), Strings::load(root, locale)?);
    }
    let mut problems = Vec::new();
    let mut copied = BTreeMap::new();
    let mut texts = Vec::new();
    for file in files(root, Path::new("content"))? {
        match kind_of(&file, &config) {
            Place::Text(kind, locale) => texts.push((kind, locale, file)),
            Place::Media(name) => {
                copied.insert(format!("/media/{name}"), root.join(&file));
            }
            Place::Nowhere(problem) => problems.push(problem),
        }
    }
    for file in files(root, Path::new("static"))? {
        let name = file.strip_prefix("static").unwrap_or(&file);
        copied.insert(format!("/{}", slashes(name)), root.join(&file));
    }
    let read: Vec<_> = texts.par_iter().map(|(kind, locale, file)| read(root, *kind, locale, file, &config)).collect();
    let mut entries = Vec::with_capacity(read.len());
    for result in read {
        match result {
            Ok(entry) if entry.draft && !drafts => {}
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(problem),
        }
    }
    entries.sort_by_cached_key(order);
    let index = index(&entries, &config, &mut problems);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(Error::Invalid { problems });
    }
    let copied = copied.into_iter().map(|(path, from)| Ok((path, measured(from)?))).collect::<Result<_, Error>>()?;
    let urls = Urls::new(&config);
    Ok(Site { config, urls, strings, entries, copied, warnings: problems, index })
}

type Key = (Kind, String, String);

/// Finds each text by its address; two at the same one are an error.
fn index(entries: &[Entry], config: &Config, problems: &mut Vec<Problem>) -> BTreeMap<Key, usize> {
    let mut index: BTreeMap<Key, usize> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let key = (entry.kind, entry.locale.clone(), entry.slug.clone());
        if let Some(first) = index.insert(key, at).and_then(|first| entries.get(first)) {
            let message = format!("`{}` has the same address as {}", entry.slug, first.source.display());
            problems.push(Problem::error(&entry.source, (1, 1), message, "give one of them another `slug`"));
        }
        let taken = RESERVED.contains(&entry.slug.as_str()) || config.locales.contains(&entry.slug);
        if entry.kind == Kind::Page && taken {
            let message = format!("`{}` is an address of the site's own", entry.slug);
            problems.push(Problem::error(&entry.source, (1, 1), message, "give the page another `slug`"));
        }
    }
    index
}

fn order(entry: &Entry) -> impl Ord + use<> {
    let newest_first = std::cmp::Reverse(entry.date.as_ref().map(|date| date.instant));
    let place = entry.order.unwrap_or(u32::MAX);
    (entry.kind, entry.locale.clone(), !entry.pinned, newest_first, place, entry.slug.clone())
}

enum Place {
    Text(Kind, String),
    Media(String),
    Nowhere(Problem),
}

fn kind_of(file: &Path, config: &Config) -> Place {
    let parts: Vec<_> = file.iter().skip(1).map(|part| part.to_string_lossy().into_owned()).collect();
    let is_text = file.extension().is_some_and(|end| end == "md" || end == "mdx");
    if !is_text {
        return Place::Media(parts.join("/"));
    }
    let nowhere = |hint: &str| {
        let message = "the text is in a folder that is not part of the site".to_owned();
        Place::Nowhere(Problem::warning(file, (1, 1), message, hint))
    };
    let (Some(kind), Some(locale)) = (parts.first(), parts.get(1).filter(|_| parts.len() > 2)) else {
        return nowhere("put it into content/posts/<locale> or content/pages/<locale>");
    };
    if !config.locales.contains(locale) {
        return nowhere("add the language to `locales` in site.toml");
    }
    match kind.as_str() {
        "posts" => Place::Text(Kind::Post, locale.clone()),
        "pages" => Place::Text(Kind::Page, locale.clone()),
        _ => nowhere("put it into content/posts/<locale> or content/pages/<locale>"),
    }
}

fn read(root: &Path, kind: Kind, locale: &str, file: &Path, config: &Config) -> Result<Entry, Problem> {
    let wrong = |message: String, hint: &str| Problem::error(file, (1, 1), message, hint);
    let path = root.join(file);
    let bytes = path.metadata().map(|metadata| metadata.len()).map_err(|error| wrong(error.to_string(), ""))?;
    if bytes > LONGEST_TEXT {
        let message = format!("the text has {bytes} bytes, more than {LONGEST_TEXT}");
        return Err(wrong(message, "divide it into several posts"));
    }
    let bytes = std::fs::read(&path).map_err(|error| wrong(error.to_string(), "see who may read it"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let start = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
        Problem::error(file, place(&start, valid), "the text is not UTF-8".to_owned(), "save it as UTF-8")
    })?;
    Entry::parse(kind, locale, file, text, config)
}

/// Lists the files below a folder, relative to the root, in order. Links are not followed: a site is what is in it.
fn files(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let whole = root.join(&folder);
        let entries = match std::fs::read_dir(&whole) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::read(&whole)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Error::read(&whole))?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().map_err(Error::read(&path))?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.') && entry.file_name() != ".well-known";
            if kind.is_dir() && !hidden {
                folders.push(path);
            } else if kind.is_file() && !hidden {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn measured(from: PathBuf) -> Result<Copied, Error> {
    let picture = ["png", "gif", "jpg", "jpeg", "webp"];
    let end = from.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    let size = if picture.contains(&end.as_str()) {
        images::size(&std::fs::read(&from).map_err(Error::read(&from))?)
    } else {
        None
    };
    Ok(Copied { from, size })
}

/// A relative path as addresses write it.
pub(crate) fn slashes(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}
