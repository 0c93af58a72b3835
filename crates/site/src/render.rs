//! One text to HTML: its links checked against the site, its pictures found and measured.

use crate::entry::{Entry, Kind};
use crate::error::Problem;
use crate::load::{Site, slashes};
use crate::reading::{self, Length};
use crate::text::decode_path;
use hearth_markup::{Dialect, Labels, Options, RawHtml, Reference, Resolved, document};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Letters of a post that can be searched.
const SEARCHED: usize = 1500;

/// A text as it is shown.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) html: String,
    pub(crate) outline: Outline,
    pub(crate) problems: Vec<Problem>,
}

/// What other pages need to know of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outline {
    /// Level, anchor and words of each heading.
    pub(crate) headings: Vec<(u8, String, String)>,
    /// Where its links lead, and the line each stands on.
    pub(crate) links: Vec<(String, usize)>,
    /// Its first words.
    pub(crate) text: String,
    pub(crate) words: usize,
    pub(crate) minutes: usize,
    pub(crate) image: Option<String>,
}

impl Outline {
    pub(crate) fn length(&self) -> Length {
        Length { words: self.words, minutes: self.minutes }
    }
}

/// Renders a text. `known` are the paths of everything the site has.
pub(crate) fn render(site: &Site, known: &BTreeSet<String>, entry: &Entry) -> Rendered {
    let labels = site.words(&entry.locale).map_or_else(Labels::default, crate::strings::Strings::labels);
    let resolver = Resolver { site, known, entry };
    let options = Options {
        dialect: Dialect::Article,
        raw_html: if site.config.raw_html { RawHtml::Kept } else { RawHtml::Shown },
        smart_punctuation: site.config.smart_punctuation,
        top_level: 2,
        first_line: entry.first_line,
        labels: &labels,
        resolve: &|reference| resolver.resolve(reference),
    };
    let found = document(entry.body(), &options);
    let length = reading::length(&found.text);
    let problems = found
        .diagnostics
        .into_iter()
        .map(|told| Problem::warning(&entry.source, (told.line, told.column), told.message, &told.hint))
        .collect();
    Rendered {
        html: found.html,
        outline: Outline {
            headings: found.headings.into_iter().map(|heading| (heading.level, heading.id, heading.text)).collect(),
            links: found.links.into_iter().map(|link| (link.url, link.line)).collect(),
            text: crate::text::shortened(&found.text, SEARCHED),
            words: length.words,
            minutes: length.minutes,
            image: found.first_image,
        },
        problems,
    }
}

/// Finds what a text's addresses mean.
struct Resolver<'a> {
    site: &'a Site,
    known: &'a BTreeSet<String>,
    entry: &'a Entry,
}

impl Resolver<'_> {
    fn resolve(&self, reference: Reference<'_>) -> Resolved {
        let (Reference::Link(url) | Reference::Image(url)) = reference;
        let elsewhere = url.starts_with('#') || url.starts_with("//") || scheme(url) || url.is_empty();
        if elsewhere {
            return Resolved::unchanged(reference);
        }
        let end = url.find(['#', '?']).unwrap_or(url.len());
        let (path, rest) = url.split_at(end);
        let path = decode_path(path);
        let found = if path.starts_with('/') { self.absolute(&path) } else { self.relative(&path) };
        match found {
            Some(path) => Resolved {
                size: self.site.copied.get(&path).and_then(|file| file.size),
                url: format!("{}{rest}", self.site.urls.local(&path)),
                problem: None,
            },
            None => {
                let what = if matches!(reference, Reference::Image(_)) { "picture" } else { "page" };
                Resolved { problem: Some(format!("there is no {what} at `{url}`")), ..Resolved::unchanged(reference) }
            }
        }
    }

    fn absolute(&self, path: &str) -> Option<String> {
        let with_slash = format!("{}/", path.trim_end_matches('/'));
        [path.to_owned(), with_slash].into_iter().find(|path| self.known.contains(path))
    }

    /// A path beside the text: another text, or a file to show.
    fn relative(&self, path: &str) -> Option<String> {
        let folder = self.entry.source.parent()?;
        let file = normal(&folder.join(path))?;
        let inside = file.strip_prefix("content").ok()?;
        let is_text = file.extension().is_some_and(|end| end == "md" || end == "mdx");
        if !is_text {
            let media = format!("/media/{}", slashes(inside));
            return self.known.contains(&media).then_some(media);
        }
        let mut parts = inside.iter().filter_map(|part| part.to_str());
        let kind = match parts.next()? {
            "posts" => Kind::Post,
            "pages" => Kind::Page,
            _ => return None,
        };
        let locale = parts.next()?;
        let by_file = || self.site.entries.iter().find(|entry| entry.source == file);
        let entry = self.site.find(kind, locale, file.file_stem()?.to_str()?).or_else(by_file)?;
        Some(entry.path(&self.site.urls))
    }
}

fn scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| !scheme.contains(['/', '?', '#']))
}

/// Resolves `.` and `..`; `None` for what leads out of the site's folder.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            Component::ParentDir if normal.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}
