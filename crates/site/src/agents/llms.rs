//! `llms.txt`, a list of what there is, and `llms-full.txt`, all of it.

use crate::load::Site;
use crate::pages::Pages;

/// The site as a list: every line a link to Markdown, what can be left out under `Optional`.
pub(crate) fn index(site: &Site, pages: &Pages<'_>, locale: &str) -> String {
    let urls = &site.urls;
    let there = |path: &str| urls.absolute(&urls.in_locale(locale, path));
    let title = site.config.title(locale);
    let mut text = format!("# {title}\n\n");
    let about = site.config.description(locale);
    let about = if about.is_empty() { title } else { about };
    text.push_str(&format!("> {}\n\n", crate::text::shortened(about, 500)));
    text.push_str(
        "Every page has a Markdown twin: put `.md` in place of the last slash of its address.\n\n## Posts\n\n",
    );
    site.posts(locale).for_each(|post| text.push_str(&pages.markdown_line(post)));
    text.push_str("\n## Pages\n\n");
    text.push_str(&format!("- [Home]({}): the newest posts\n", there("/index.md")));
    text.push_str(&format!("- [For agents]({}): how to read this site by program\n", there("/for-agents.md")));
    site.pages(locale).for_each(|page| text.push_str(&pages.markdown_line(page)));
    text.push_str("\n## Optional\n\n");
    for (name, path, about) in [
        ("Everything", "/llms-full.txt", "the full text of all posts in one file"),
        ("Tags", "/tags.md", "posts by tag"),
        ("Categories", "/categories.md", "posts by category"),
        ("RSS", "/rss.xml", "the newest posts with their full text"),
    ] {
        text.push_str(&format!("- [{name}]({}): {about}\n", there(path)));
    }
    text.push_str(&format!("- [Posts as JSON]({}): titles, dates and addresses\n", urls.absolute("/api/posts.json")));
    text
}

/// The site as one text.
pub(crate) fn full(site: &Site, locale: &str) -> String {
    let config = &site.config;
    let mut text = format!("# {}\n\n> {}\n", config.title(locale), config.description(locale));
    for post in site.posts(locale) {
        let tags: Vec<_> = post.tags.iter().map(|tag| tag.name.as_str()).collect();
        let day = post.date.as_ref().map_or("", |date| date.day.as_str());
        text.push_str(&format!(
            "\n---\n\n## {}\n\nURL: {}\nDate: {day}\nCategory: {}\nTags: {}\nDescription: {}\n\n",
            post.title,
            site.urls.absolute(&post.path(&site.urls)),
            post.category.name,
            tags.join(", "),
            post.description
        ));
        text.push_str(post.body());
        if !post.body().ends_with('\n') {
            text.push('\n');
        }
    }
    text
}
