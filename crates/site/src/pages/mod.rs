//! The HTML pages, and the Markdown twin of each.

mod article;
mod head;
mod list;

pub(crate) use article::Articles;

use crate::assets::{Assets, FIRST_SCRIPT};
use crate::entry::{Entry, Kind, Term};
use crate::error::Error;
use crate::load::Site;
use crate::output::Output;
use crate::strings::Strings;
use crate::theme::Theme;
use crate::urls::{Urls, file_of};
use crate::views::{self, Frame, Head, NavItem};
use minijinja::value::Serde;
use minijinja::{Value, context};
use std::collections::{BTreeMap, BTreeSet};

/// Makes pages: knows what there is, and what each page has in common with the others.
pub(crate) struct Pages<'a> {
    pub(crate) site: &'a Site,
    theme: &'a Theme,
    output: &'a Output,
    frames: BTreeMap<&'a str, (Value, &'a Strings)>,
    /// The paths of everything the site has.
    known: BTreeSet<String>,
    /// Changes whenever every page has to be made again.
    hash: blake3::Hash,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(site: &'a Site, theme: &'a Theme, assets: &'a Assets, output: &'a Output) -> Result<Self, Error> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes()).update(theme.hash.as_bytes());
        let mut frames = BTreeMap::new();
        for locale in &site.config.locales {
            let Some(strings) = site.words(locale) else { continue };
            let frame = frame(site, assets, locale, strings);
            let json = |source| Error::Json { what: "the frame", source };
            hasher.update(&serde_json::to_vec(&(&frame, strings, &site.config)).map_err(json)?);
            frames.insert(locale.as_str(), (made(&frame), strings));
        }
        let known = known(site);
        known.iter().for_each(|path| {
            hasher.update(path.as_bytes()).update(b"\n");
        });
        Ok(Self { site, theme, output, frames, known, hash: hasher.finalize() })
    }

    /// The paths of everything the site has.
    pub(crate) fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// Renders a page and writes it; returns its file and hash.
    fn put<T: serde::Serialize>(
        &self,
        template: &str,
        locale: &str,
        head: &Head,
        page: &T,
    ) -> Result<(String, String), Error> {
        let (frame, strings) =
            self.frames.get(locale).map(|(frame, strings)| (frame.clone(), Some(*strings))).unwrap_or_default();
        let context = context! {
            site => frame,
            t => made(strings),
            head => made(head),
            page => made(page),
        };
        let html = self.theme.render(template, context)?;
        let file = file_of(&head.path);
        let hash = self.output.put(&file, html.as_bytes())?;
        Ok((file, hash))
    }

    /// Writes the Markdown twin of a page.
    fn put_markdown(&self, page: &str, text: &str) -> Result<(), Error> {
        self.output.put(self.site.urls.markdown(page).trim_start_matches('/'), text.as_bytes()).map(drop)
    }

    fn words(&self, locale: &str) -> Result<&'a Strings, Error> {
        let missing = || Error::Invalid { problems: Vec::new() };
        self.frames.get(locale).map(|(_, strings)| *strings).ok_or_else(missing)
    }

    /// The page that tells people what programs find here.
    pub(crate) fn for_agents(&self, locale: &str, markdown: &str) -> Result<(), Error> {
        let strings = self.words(locale)?;
        let title = strings.get("for_agents");
        let head = self.head(locale, "/for-agents/", title, strings.get("for_agents_text"));
        let options = hearth_markup::Options {
            dialect: hearth_markup::Dialect::Article,
            raw_html: hearth_markup::RawHtml::Shown,
            smart_punctuation: false,
            top_level: 2,
            first_line: 1,
            labels: &strings.labels(),
            resolve: &hearth_markup::Resolved::unchanged,
        };
        let page = views::Plain {
            title: title.to_owned(),
            description: String::new(),
            html: hearth_markup::document(markdown, &options).html,
        };
        self.put_markdown(&head.path, &format!("# {title}\n\n{markdown}"))?;
        self.put("page.html", locale, &head, &page).map(drop)
    }

    /// Search, and the page for addresses that lead nowhere.
    pub(crate) fn others(&self) -> Result<(), Error> {
        for locale in &self.site.config.locales {
            let strings = self.words(locale)?;
            let urls = &self.site.urls;
            let path = urls.in_locale(locale, "/search/");
            let page = views::Search {
                title: strings.get("search").to_owned(),
                action: urls.local(&path),
                index: urls.local(&urls.in_locale(locale, "/search.json")),
                tags: urls.local(&urls.in_locale(locale, "/tags/")),
            };
            let head = self.head(locale, "/search/", strings.get("search"), strings.get("search_label"));
            self.put("search.html", locale, &head, &page)?;
        }
        let locale = &self.site.config.default_locale;
        let strings = self.words(locale)?;
        let mut head = self.head(locale, "/404.html", strings.get("missing_title"), strings.get("missing_text"));
        head.noindex = true;
        head.alternates.clear();
        self.put("404.html", locale, &head, &()).map(drop)
    }
}

/// A value for templates.
fn made<T: serde::Serialize>(value: T) -> Value {
    Value::from(Serde(value))
}

fn frame(site: &Site, assets: &Assets, locale: &str, strings: &Strings) -> Frame {
    let urls = &site.urls;
    let there = |path: &str| urls.local(&urls.in_locale(locale, path));
    let item = |title: &str, path: String| NavItem { title: title.to_owned(), url: urls.local(&path), path };
    let mut nav = vec![item(strings.get("tags"), urls.in_locale(locale, "/tags/"))];
    let pages = site.pages(locale).filter(|page| page.order.is_some());
    nav.extend(pages.map(|page| item(&page.title, page.path(urls))));
    nav.push(item(strings.get("search"), urls.in_locale(locale, "/search/")));
    Frame {
        title: site.config.title(locale).to_owned(),
        author: site.config.author.clone(),
        base: urls.base().to_owned(),
        home: there("/"),
        home_path: urls.in_locale(locale, "/"),
        nav,
        rss: there("/rss.xml"),
        atom: there("/atom.xml"),
        json_feed: there("/feed.json"),
        for_agents: there("/for-agents/"),
        style: urls.local(&assets.style),
        script: urls.local(&assets.script),
        icon: urls.local(&assets.icon),
        first_script: FIRST_SCRIPT.trim_end(),
        analytics_id: site.config.services.analytics_id.clone(),
        crisp_id: site.config.services.crisp_id.clone(),
        giscus: site.config.services.giscus.clone(),
    }
}

/// Posts by tag or category, in order of their addresses.
pub(crate) fn by_term<'a>(
    site: &'a Site,
    locale: &'a str,
    terms: impl Fn(&'a Entry) -> &'a [Term],
) -> BTreeMap<&'a str, (&'a Term, Vec<&'a Entry>)> {
    let mut found: BTreeMap<&str, (&Term, Vec<&Entry>)> = BTreeMap::new();
    for post in site.posts(locale) {
        for term in terms(post) {
            let posts = &mut found.entry(&term.slug).or_insert((term, Vec::new())).1;
            // One post may name a term twice, in two spellings.
            if !posts.last().is_some_and(|last| std::ptr::eq(*last, post)) {
                posts.push(post);
            }
        }
    }
    found
}

/// A kind of subject: the folder of its addresses, and what a post has of it.
type Subject = (&'static str, fn(&Entry) -> &[Term]);

/// The two ways in which posts are ordered by subject.
pub(crate) const SUBJECTS: &[Subject] =
    &[("tags", |post| &post.tags), ("categories", |post| std::slice::from_ref(&post.category))];

/// The paths of everything the site has: pages, twins, files.
fn known(site: &Site) -> BTreeSet<String> {
    let urls = &site.urls;
    let mut pages: Vec<String> = site.entries.iter().map(|entry| entry.path(urls)).collect();
    let mut known: BTreeSet<String> = site.copied.keys().cloned().collect();
    for locale in &site.config.locales {
        let there = |path: &str| urls.in_locale(locale, path);
        let numbered = |path: String, posts: usize| {
            let count = posts.div_ceil(site.config.posts_per_page).max(1);
            (1..=count).map(move |number| Urls::list(&path, number))
        };
        pages.extend(numbered(there("/"), site.posts(locale).count()));
        for (folder, terms) in SUBJECTS {
            let lists = by_term(site, locale, *terms).into_iter();
            pages.extend(
                lists.flat_map(|(slug, (_, posts))| numbered(there(&format!("/{folder}/{slug}/")), posts.len())),
            );
            pages.push(there(&format!("/{folder}/")));
        }
        pages.push(there("/for-agents/"));
        known.extend(LOCALE_FILES.iter().map(|path| there(path)));
    }
    known.extend(pages.iter().map(|page| urls.markdown(page)));
    known.extend(pages);
    known.extend(SITE_FILES.iter().map(|path| (*path).to_owned()));
    known
}

/// What each language has beside pages with a Markdown twin.
const LOCALE_FILES: &[&str] = &[
    "/search/",
    "/rss.xml",
    "/atom.xml",
    "/feed.json",
    "/llms.txt",
    "/llms-full.txt",
    "/search.json",
    "/agent/home.json",
];

/// What there is once.
const SITE_FILES: &[&str] = &[
    "/404.html",
    "/api/posts.json",
    "/protocol.json",
    "/robots.txt",
    "/sitemap-index.xml",
    "/skill.md",
    "/.well-known/ai-catalog.json",
    "/.well-known/agent-skills/index.json",
];

/// Whether this text stands in lists and feeds.
pub(crate) fn is_post(entry: &Entry) -> bool {
    entry.kind == Kind::Post
}
