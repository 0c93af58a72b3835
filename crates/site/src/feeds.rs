//! RSS, Atom and JSON Feed with whole articles, and the index for searching.

use crate::entry::Entry;
use crate::error::Error;
use crate::load::Site;
use crate::output::Output;
use crate::pages::{Articles, Pages};
use crate::render::{self, Rendered};
use crate::strings::Strings;
use crate::text::xml;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt::{self, Write};

/// A post in a feed.
struct Item<'a> {
    post: &'a Entry,
    url: String,
    /// With addresses that work anywhere.
    html: String,
}

pub(crate) fn write(site: &Site, pages: &Pages<'_>, articles: &Articles<'_>, output: &Output) -> Result<(), Error> {
    for locale in &site.config.locales {
        let Some(strings) = site.words(locale) else { continue };
        let items = items(site, pages, locale);
        let feed = Feed { site, locale, strings, items: &items };
        let put = |path: &str, text: &str| {
            output.put(site.urls.in_locale(locale, path).trim_start_matches('/'), text.as_bytes()).map(drop)
        };
        let mut text = String::new();
        let wrong = |source| Error::Format { what: "the feed", source };
        feed.rss(&mut text).map_err(wrong)?;
        put("/rss.xml", &text)?;
        text.clear();
        feed.atom(&mut text).map_err(wrong)?;
        put("/atom.xml", &text)?;
        put("/feed.json", &feed.json()?)?;
        put("/search.json", &search_index(site, articles, locale)?)?;
    }
    Ok(())
}

/// The newest posts, pinned or not.
fn items<'a>(site: &'a Site, pages: &Pages<'_>, locale: &'a str) -> Vec<Item<'a>> {
    let mut posts: Vec<_> = site.posts(locale).collect();
    posts.sort_by_key(|post| std::cmp::Reverse(post.date.as_ref().map(|date| date.instant)));
    posts
        .into_iter()
        .take(site.config.feed_items)
        .map(|post| {
            let path = post.path(&site.urls);
            let Rendered { html, .. } = render::render(site, pages.known(), post);
            Item { post, url: site.urls.absolute(&path), html: site.urls.absolute_html(&html, &path) }
        })
        .collect()
}

struct Feed<'a> {
    site: &'a Site,
    locale: &'a str,
    strings: &'a Strings,
    items: &'a [Item<'a>],
}

impl Feed<'_> {
    fn address(&self, path: &str) -> String {
        self.site.urls.absolute(&self.site.urls.in_locale(self.locale, path))
    }

    /// When something in it last changed.
    fn changed(&self) -> String {
        let dates = self.items.iter().filter_map(|item| item.post.changed());
        dates.map(|date| date.instant).max().map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |at| at.to_string())
    }

    fn rss(&self, text: &mut String) -> fmt::Result {
        let config = &self.site.config;
        writeln!(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(
            text,
            "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
             xmlns:atom=\"http://www.w3.org/2005/Atom\">\n<channel>"
        )?;
        writeln!(text, "<title>{}</title>", xml(config.title(self.locale)))?;
        writeln!(text, "<link>{}</link>", xml(&self.address("/")))?;
        writeln!(text, "<description>{}</description>", xml(config.description(self.locale)))?;
        writeln!(text, "<language>{}</language>", self.strings.get("tag").to_lowercase())?;
        let own = self.address("/rss.xml");
        writeln!(text, "<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"{}\"/>", xml(&own))?;
        for item in self.items {
            writeln!(text, "<item>\n<title>{}</title>\n<link>{}</link>", xml(&item.post.title), xml(&item.url))?;
            writeln!(text, "<guid isPermaLink=\"true\">{}</guid>", xml(&item.url))?;
            if let Some(date) = &item.post.date {
                writeln!(text, "<pubDate>{}</pubDate>", date.rfc2822())?;
            }
            for term in std::iter::once(&item.post.category).chain(&item.post.tags) {
                writeln!(text, "<category>{}</category>", xml(&term.name))?;
            }
            if !item.post.description.is_empty() {
                writeln!(text, "<description>{}</description>", xml(&item.post.description))?;
            }
            writeln!(text, "<content:encoded>{}</content:encoded>\n</item>", xml(&item.html))?;
        }
        writeln!(text, "</channel>\n</rss>")
    }

    fn atom(&self, text: &mut String) -> fmt::Result {
        let config = &self.site.config;
        let (home, own) = (self.address("/"), self.address("/atom.xml"));
        let author = if config.author.is_empty() { config.title(self.locale) } else { &config.author };
        writeln!(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(text, "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">", self.strings.get("tag"))?;
        writeln!(text, "<title>{}</title>\n<id>{}</id>", xml(config.title(self.locale)), xml(&home))?;
        writeln!(text, "<subtitle>{}</subtitle>", xml(config.description(self.locale)))?;
        writeln!(text, "<link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>", xml(&home))?;
        writeln!(text, "<link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>", xml(&own))?;
        writeln!(text, "<updated>{}</updated>\n<author><name>{}</name></author>", self.changed(), xml(author))?;
        for item in self.items {
            writeln!(text, "<entry>\n<title>{}</title>\n<id>{}</id>", xml(&item.post.title), xml(&item.url))?;
            writeln!(text, "<link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>", xml(&item.url))?;
            if let (Some(date), Some(changed)) = (&item.post.date, item.post.changed()) {
                writeln!(text, "<published>{}</published>\n<updated>{}</updated>", date.rfc3339(), changed.rfc3339())?;
            }
            for term in std::iter::once(&item.post.category).chain(&item.post.tags) {
                writeln!(text, "<category term=\"{}\"/>", xml(&term.name))?;
            }
            if !item.post.description.is_empty() {
                writeln!(text, "<summary>{}</summary>", xml(&item.post.description))?;
            }
            writeln!(text, "<content type=\"html\">{}</content>\n</entry>", xml(&item.html))?;
        }
        writeln!(text, "</feed>")
    }

    fn json(&self) -> Result<String, Error> {
        let config = &self.site.config;
        let feed = json!({
            "version": "https://jsonfeed.org/version/1.1",
            "title": config.title(self.locale),
            "description": config.description(self.locale),
            "home_page_url": self.address("/"),
            "feed_url": self.address("/feed.json"),
            "language": self.strings.get("tag"),
            "items": self.items.iter().map(|item| self.json_item(item)).collect::<Vec<_>>(),
        });
        serde_json::to_string_pretty(&feed).map_err(|source| Error::Json { what: "the feed", source })
    }
}

impl Feed<'_> {
    fn json_item(&self, item: &Item<'_>) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("id", item.url.as_str().into());
        put("url", item.url.as_str().into());
        put("title", item.post.title.as_str().into());
        put("content_html", item.html.as_str().into());
        put("language", self.strings.get("tag").into());
        put("tags", item.post.tags.iter().map(|tag| tag.name.as_str()).collect());
        for (name, date) in [("date_published", item.post.date.as_ref()), ("date_modified", item.post.changed())] {
            date.and_then(|date| put(name, date.rfc3339().into()));
        }
        if !item.post.description.is_empty() {
            put("summary", item.post.description.as_str().into());
        }
        Value::Object(fields)
    }
}

/// A post as the script searches it: title, address, keywords, description, first words.
#[derive(Serialize)]
struct Found<'a> {
    t: &'a str,
    u: String,
    k: String,
    d: &'a str,
    x: &'a str,
}

fn search_index(site: &Site, articles: &Articles<'_>, locale: &str) -> Result<String, Error> {
    let posts = site.posts(locale).map(|post| Found {
        t: &post.title,
        u: site.urls.local(&post.path(&site.urls)),
        k: post.tags.iter().chain([&post.category]).map(|term| term.name.as_str()).collect::<Vec<_>>().join(" "),
        d: &post.description,
        x: articles.outline(post).map_or("", |outline| outline.text.as_str()),
    });
    let posts: Vec<_> = posts.collect();
    serde_json::to_string(&posts).map_err(|source| Error::Json { what: "the search index", source })
}
