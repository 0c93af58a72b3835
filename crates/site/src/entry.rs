//! A text of the site: a post or a page, with everything its head says.

use crate::config::Config;
use crate::date::Date;
use crate::error::Problem;
use crate::front_matter;
use hearth_markup::slug;
use std::path::{Path, PathBuf};

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It has a date and stands in lists and feeds.
    Post,
    /// It stands by itself.
    Page,
}

/// A tag or a category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) name: String,
    pub(crate) slug: String,
}

impl Term {
    fn new(name: &str) -> Self {
        let slug = slug(name);
        // A name of signs alone still needs an address.
        let slug = if slug.is_empty() { "other".to_owned() } else { slug };
        Self { name: name.to_owned(), slug }
    }
}

/// A text with its head understood and its body still Markdown.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) locale: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) date: Option<Date>,
    pub(crate) updated: Option<Date>,
    pub(crate) description: String,
    pub(crate) category: Term,
    pub(crate) tags: Vec<Term>,
    pub(crate) pinned: bool,
    pub(crate) draft: bool,
    pub(crate) image: Option<String>,
    pub(crate) author: String,
    pub(crate) order: Option<u32>,
    /// The whole file, for the Markdown twin.
    pub(crate) text: String,
    /// Where in `text` the body begins, in bytes.
    body_start: usize,
    /// The line on which the body begins.
    pub(crate) first_line: usize,
    /// Relative to the site's folder, with slashes.
    pub(crate) source: PathBuf,
    pub(crate) hash: blake3::Hash,
}

impl Entry {
    /// Reads a text; `source` is relative to the site's folder.
    pub(crate) fn parse(
        kind: Kind,
        locale: &str,
        source: &Path,
        text: String,
        config: &Config,
    ) -> Result<Self, Problem> {
        let (head, body, first_line) = front_matter::parse(source, &text)?;
        let body_start = text.len() - body.len();
        let stem = source.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let slug = head.slug.unwrap_or(stem);
        let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if slug.is_empty() || slug.starts_with('.') || !slug.chars().all(plain) {
            let message = format!("`{slug}` can't be part of an address");
            return Err(Problem::error(
                source,
                (1, 1),
                message,
                "use letters, digits and dashes in the name or in `slug`",
            ));
        }
        if kind == Kind::Post && head.date.is_none() {
            return Err(Problem::error(
                source,
                (1, 1),
                "the post has no date".to_owned(),
                "add `date: 2026-01-15` to its head",
            ));
        }
        let author = head.author.unwrap_or_else(|| config.author.clone());
        let tags = head.tags.iter().map(|name| Term::new(name)).collect();
        Ok(Self {
            kind,
            locale: locale.to_owned(),
            slug,
            title: head.title,
            date: head.date,
            updated: head.updated,
            description: head.description,
            category: Term::new(&head.category),
            tags,
            pinned: head.pinned,
            draft: head.draft,
            image: head.image,
            author,
            order: head.order,
            hash: blake3::hash(text.as_bytes()),
            body_start,
            text,
            first_line,
            source: source.to_path_buf(),
        })
    }

    /// The Markdown below the head.
    pub(crate) fn body(&self) -> &str {
        self.text.get(self.body_start..).unwrap_or_default()
    }

    /// The moment of its last change, as far as its head tells.
    pub(crate) fn changed(&self) -> Option<&Date> {
        self.updated.as_ref().or(self.date.as_ref())
    }

    /// Its path on the site, without the site's own.
    pub(crate) fn path(&self, urls: &crate::urls::Urls) -> String {
        match self.kind {
            Kind::Post => urls.post(&self.locale, &self.slug),
            Kind::Page => urls.page(&self.locale, &self.slug),
        }
    }
}
