//! A build from beginning to end.

use crate::assets::Assets;
use crate::cache::Cache;
use crate::error::{Error, Problem};
use crate::load::{self, Site};
use crate::output::{Manifest, Output};
use crate::pages::Pages;
use crate::theme::Theme;
use crate::{agents, feeds, sitemap, stamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What to build, and where to.
#[derive(Clone, Debug)]
pub struct Options {
    /// The site's folder, with `site.toml` in it.
    pub root: PathBuf,
    /// Where the finished site goes.
    pub output: PathBuf,
    /// Whether drafts are shown.
    pub drafts: bool,
}

impl Options {
    /// The usual: into the folder `dist`, without drafts.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), output: root.join("dist"), drafts: false }
    }
}

/// What a build did.
#[derive(Debug, Default)]
pub struct Report {
    /// HTML pages of the site.
    pub pages: usize,
    /// Posts, in all languages.
    pub posts: usize,
    /// Files of the site.
    pub files: usize,
    /// Files that were written or removed.
    pub changed: usize,
    /// Articles that were rendered; the others were kept from before.
    pub rendered: usize,
    /// What its authors should look at.
    pub problems: Vec<Problem>,
    /// Where links with an anchor lead, for the check: file, line, address.
    pub(crate) links: Vec<(PathBuf, usize, String)>,
    /// The anchors of each page, by its address.
    pub(crate) anchors: BTreeMap<String, Vec<String>>,
}

/// Builds a site.
///
/// The same folder gives the same bytes. Only files that differ are written; what an earlier build with the same cache
/// made and this one does not is removed.
///
/// # Errors
/// When the configuration or a text's head is wrong ([`Error::Invalid`], with every mistake; the last good output
/// stays), a template is, or a file can't be read or written.
pub fn build(options: &Options, cache: &mut Cache) -> Result<Report, Error> {
    // Taken before anything is read: what changes meanwhile is seen by the next build.
    let stamp = stamp::stamp(options, Theme::built_in().as_bytes());
    if let Some(report) = cache.unchanged(&stamp, &options.output) {
        return Ok(report);
    }
    let site = load::load(&options.root, options.drafts)?;
    let output = Output::new(&options.output, cache.files.clone());
    let (report, files) = build_site(&site, options, output, cache)?;
    cache.remember(stamp, files, &report);
    Ok(report)
}

/// Builds what was loaded.
pub(crate) fn build_site(
    site: &Site,
    options: &Options,
    output: Output,
    cache: &mut Cache,
) -> Result<(Report, Manifest), Error> {
    let theme = Theme::load(&options.root)?;
    let assets = Assets::new(&theme);
    let pages = Pages::new(site, &theme, &assets, &output)?;
    let mut report = write_all(site, &pages, &assets, &output, cache)?;
    let (files, changed) = output.finish()?;
    let is_page = |path: &&String| path.ends_with(".html");
    report.pages = files.keys().filter(is_page).count();
    report.files = files.len();
    report.changed = changed;
    Ok((report, files))
}

fn write_all(
    site: &Site,
    pages: &Pages<'_>,
    assets: &Assets,
    output: &Output,
    cache: &mut Cache,
) -> Result<Report, Error> {
    let articles = pages.articles(cache.articles())?;
    pages.lists(&articles)?;
    pages.others()?;
    feeds::write(site, pages, &articles, output)?;
    sitemap::write(site, pages, output)?;
    agents::write(site, pages, &articles, output)?;
    for (path, text) in &assets.files {
        output.put(path.trim_start_matches('/'), text.as_bytes())?;
    }
    for (path, file) in &site.copied {
        let bytes = std::fs::read(&file.from).map_err(Error::read(&file.from))?;
        output.put(path.trim_start_matches('/'), &bytes)?;
    }
    let mut report = Report { problems: site.warnings.clone(), posts: site.posts_in_all(), ..Report::default() };
    report.rendered = articles.rendered;
    for (entry, outline) in articles.in_order(site) {
        let path = site.urls.local(&entry.path(&site.urls));
        report.anchors.insert(path, outline.headings.iter().map(|(_, id, _)| id.clone()).collect());
        let links = outline.links.iter().filter(|(url, _)| url.contains('#'));
        report.links.extend(links.map(|(url, line)| (entry.source.clone(), *line, url.clone())));
    }
    report.problems.extend(articles.problems);
    Ok(report)
}

impl Site {
    fn posts_in_all(&self) -> usize {
        self.config.locales.iter().map(|locale| self.posts(locale).count()).sum()
    }
}
