//! What search engines and crawlers read first: the sitemap and `robots.txt`.

use crate::config::Crawlers;
use crate::entry::Entry;
use crate::error::Error;
use crate::load::Site;
use crate::output::Output;
use crate::pages::Pages;
use crate::text::xml;
use std::collections::BTreeMap;

/// A sitemap may name this many pages.
const PAGES_A_FILE: usize = 50_000;

/// Crawlers that fetch what an answer needs.
const ANSWERING: &[&str] =
    &["ChatGPT-User", "OAI-SearchBot", "Claude-User", "Claude-SearchBot", "PerplexityBot", "Perplexity-User"];

/// Crawlers that collect texts to train models with.
const TRAINING: &[&str] = &[
    "GPTBot",
    "ClaudeBot",
    "anthropic-ai",
    "Google-Extended",
    "Applebot-Extended",
    "Bytespider",
    "CCBot",
    "Meta-ExternalAgent",
    "Amazonbot",
];

pub(crate) fn write(site: &Site, pages: &Pages<'_>, output: &Output) -> Result<(), Error> {
    let dates = dates(site);
    let paths: Vec<_> = pages.known().iter().filter(|path| path.ends_with('/')).collect();
    let mut index = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<sitemapindex xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for (number, chunk) in paths.chunks(PAGES_A_FILE).enumerate() {
        let name = format!("sitemap-{number}.xml");
        let urls = chunk.iter().map(|path| url(site, pages, path, dates.get(path.as_str())));
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
             xmlns:xhtml=\"http://www.w3.org/1999/xhtml\">\n{}</urlset>\n",
            urls.collect::<String>()
        );
        output.put(&name, text.as_bytes())?;
        let address = site.urls.absolute(&format!("/{name}"));
        index.push_str(&format!("<sitemap><loc>{}</loc></sitemap>\n", xml(&address)));
    }
    index.push_str("</sitemapindex>\n");
    output.put("sitemap-index.xml", index.as_bytes())?;
    output.put("robots.txt", robots(site).as_bytes()).map(drop)
}

fn dates(site: &Site) -> BTreeMap<String, String> {
    let date = |entry: &Entry| Some((entry.path(&site.urls), entry.changed()?.rfc3339()));
    site.entries.iter().filter_map(date).collect()
}

fn url(site: &Site, pages: &Pages<'_>, path: &str, date: Option<&String>) -> String {
    let mut text = format!("<url><loc>{}</loc>", xml(&site.urls.absolute(path)));
    if let Some(date) = date {
        text.push_str(&format!("<lastmod>{date}</lastmod>"));
    }
    let same = same_page(site, pages, path);
    if same.len() > 1 {
        for (tag, other) in same {
            let address = xml(&site.urls.absolute(&other));
            text.push_str(&format!("<xhtml:link rel=\"alternate\" hreflang=\"{tag}\" href=\"{address}\"/>"));
        }
    }
    text.push_str("</url>\n");
    text
}

/// The page in every language that has it.
fn same_page(site: &Site, pages: &Pages<'_>, path: &str) -> Vec<(String, String)> {
    let locales = &site.config.locales;
    let prefixed = locales.iter().find_map(|locale| path.strip_prefix(&format!("/{locale}/")));
    let inner = prefixed.map_or_else(|| path.to_owned(), |rest| format!("/{rest}"));
    let in_each = locales.iter().filter_map(|locale| {
        let other = site.urls.in_locale(locale, &inner);
        let tag = site.words(locale)?.get("tag").to_owned();
        pages.known().contains(&other).then_some((tag, other))
    });
    in_each.collect()
}

fn robots(site: &Site) -> String {
    let mut text = String::new();
    let mut group = |agents: &[&str], rule: &str| {
        agents.iter().for_each(|agent| text.push_str(&format!("User-agent: {agent}\n")));
        text.push_str(rule);
        text.push_str("\n\n");
    };
    group(&["*"], "Allow: /");
    match site.config.ai_crawlers {
        Crawlers::Welcome => group(&[ANSWERING, TRAINING].concat(), "Allow: /"),
        Crawlers::NoTraining => {
            group(ANSWERING, "Allow: /");
            group(TRAINING, "Disallow: /");
        }
        Crawlers::Deny => group(&[ANSWERING, TRAINING].concat(), "Disallow: /"),
    }
    text.push_str(&format!("Sitemap: {}\n", site.urls.absolute("/sitemap-index.xml")));
    text
}
