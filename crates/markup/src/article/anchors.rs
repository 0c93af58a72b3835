//! Names for headings: readable in every script, unique in the article, stable while the words are.

use std::collections::BTreeSet;

/// Hands out anchors.
#[derive(Debug, Default)]
pub(crate) struct Anchors {
    taken: BTreeSet<String>,
}

impl Anchors {
    /// Returns the anchor of a heading with these words.
    pub(crate) fn name(&mut self, words: &str) -> String {
        let slug = slug(words);
        let base = if slug.is_empty() { "section".to_owned() } else { slug };
        let mut name = base.clone();
        let mut count = 1_usize;
        while !self.taken.insert(name.clone()) {
            count += 1;
            name = format!("{base}-{count}");
        }
        name
    }
}

/// Letters and digits of any script in lower case, with one dash for what lies between them.
#[must_use]
pub fn slug(words: &str) -> String {
    let mut slug = String::with_capacity(words.len());
    for letter in words.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') && !matches!(letter, '\'' | '’') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

#[cfg(test)]
mod tests {
    use super::{Anchors, slug};

    #[test]
    fn words_become_anchors() {
        for (words, expected) in [
            ("Hello, World!", "hello-world"),
            ("为什么再写一个主题？", "为什么再写一个主题"),
            ("한국어 제목", "한국어-제목"),
            ("C++ & Rust's `Vec<T>`", "c-rusts-vec-t"),
            ("👋", ""),
        ] {
            assert_eq!(slug(words), expected);
        }
    }

    #[test]
    fn anchors_never_meet() {
        let mut anchors = Anchors::default();
        let names: Vec<_> = ["a", "a-2", "a", "a", "!", "?"].iter().map(|words| anchors.name(words)).collect();
        assert_eq!(names, ["a", "a-2", "a-3", "a-4", "section", "section-2"]);
    }
}
