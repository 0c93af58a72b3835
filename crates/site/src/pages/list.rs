//! Lists of posts: the first page of each language, and those of tags and categories.

use super::{Articles, Pages, SUBJECTS, by_term};
use crate::entry::Entry;
use crate::error::Error;
use crate::urls::Urls;
use crate::views::{self, List, Terms};

/// What a list is about.
struct About<'a> {
    /// Without the language: `/tags/rust/`.
    path: &'a str,
    title: &'a str,
    intro: &'a str,
    is_home: bool,
}

impl Pages<'_> {
    pub(crate) fn lists(&self, articles: &Articles<'_>) -> Result<(), Error> {
        for locale in &self.site.config.locales {
            let config = &self.site.config;
            let posts: Vec<_> = self.site.posts(locale).collect();
            let (title, intro) = (config.title(locale), config.description(locale));
            self.list(locale, &About { path: "/", title, intro, is_home: true }, &posts, articles)?;
            for (folder, terms) in SUBJECTS {
                self.subject(locale, folder, *terms, articles)?;
            }
        }
        Ok(())
    }

    /// All lists of one kind of subject, and the list of those.
    fn subject(
        &self,
        locale: &str,
        folder: &str,
        terms: fn(&Entry) -> &[crate::entry::Term],
        articles: &Articles<'_>,
    ) -> Result<(), Error> {
        let strings = self.words(locale)?;
        let sentence = if folder == "tags" { "tagged" } else { "in_category" };
        let mut named = Vec::new();
        let mut markdown = format!("# {}\n\n", strings.get(folder));
        for (slug, (term, posts)) in by_term(self.site, locale, terms) {
            let path = format!("/{folder}/{slug}/");
            let title = strings.fill(sentence, &[("name", &term.name)]);
            let about = About { path: &path, title: &title, intro: "", is_home: false };
            self.list(locale, &about, &posts, articles)?;
            named.push(views::named(self.site, locale, folder, term, posts.len()));
            let twin = self.site.urls.markdown(&self.site.urls.in_locale(locale, &path));
            let address = self.site.urls.absolute(&twin);
            markdown.push_str(&format!(
                "- [{}]({address}): {}
",
                term.name,
                posts.len()
            ));
        }
        let path = format!("/{folder}/");
        let head = self.head(locale, &path, strings.get(folder), self.site.config.description(locale));
        self.put_markdown(&head.path, &markdown)?;
        let page = Terms { title: strings.get(folder).to_owned(), terms: named };
        self.put("terms.html", locale, &head, &page).map(drop)
    }

    fn list(&self, locale: &str, about: &About<'_>, posts: &[&Entry], articles: &Articles<'_>) -> Result<(), Error> {
        let strings = self.words(locale)?;
        let urls = &self.site.urls;
        let per_page = self.site.config.posts_per_page;
        let count = posts.len().div_ceil(per_page).max(1);
        for number in 1..=count {
            let shown = posts.iter().skip((number - 1) * per_page).take(per_page);
            let path = |number: usize| Urls::list(about.path, number);
            let link = |number: usize| urls.local(&urls.in_locale(locale, &path(number)));
            let position = strings.fill("page_of", &[("n", &number.to_string()), ("m", &count.to_string())]);
            let title = if number == 1 { about.title.to_owned() } else { format!("{} · {position}", about.title) };
            let intro = if about.intro.is_empty() { self.site.config.description(locale) } else { about.intro };
            let mut head = self.head(locale, &path(number), &title, intro);
            if about.is_home && number == 1 {
                head.json_ld = self.describe_site(locale);
            }
            let cards = shown.clone().map(|post| {
                let length = articles.outline(post).map(crate::render::Outline::length);
                views::card(self.site, strings, post, length.unwrap_or_else(|| crate::reading::length("")))
            });
            let page = List {
                title: title.clone(),
                intro: if number == 1 { about.intro.to_owned() } else { String::new() },
                is_home: about.is_home,
                posts: cards.collect(),
                newer: (number > 1).then(|| link(number - 1)),
                older: (number < count).then(|| link(number + 1)),
                position,
            };
            self.put("list.html", locale, &head, &page)?;
            self.put_markdown(&head.path, &self.list_markdown(&title, &page.intro, shown.copied()))?;
        }
        Ok(())
    }

    fn list_markdown<'e>(&self, title: &str, intro: &str, posts: impl Iterator<Item = &'e Entry>) -> String {
        let mut text = format!("# {title}\n\n");
        if !intro.is_empty() {
            text.push_str(&format!("> {intro}\n\n"));
        }
        for post in posts {
            text.push_str(&self.markdown_line(post));
        }
        text
    }

    /// `- [title](address of the twin): description`
    pub(crate) fn markdown_line(&self, post: &Entry) -> String {
        let address = self.site.urls.absolute(&self.site.urls.markdown(&post.path(&self.site.urls)));
        let title = post.title.replace('[', "(").replace(']', ")");
        let about = crate::text::shortened(&post.description, 300);
        let about = if about.is_empty() { String::new() } else { format!(": {about}") };
        format!("- [{title}]({address}){about}\n")
    }
}
