//! Finds tokens that are matched as a whole: control tokens in templates, user-defined tokens in any text.

use std::collections::HashMap;

use super::{Kind, Reading};

/// All tokens that are matched as a whole.
#[derive(Debug)]
pub(super) struct Specials {
    by_name: HashMap<String, u32>,
    /// By first byte, longest first.
    buckets: HashMap<u8, Vec<Special>>,
}

#[derive(Debug)]
struct Special {
    text: String,
    id: u32,
    control: bool,
}

impl Specials {
    pub(super) fn new(texts: &[String], kinds: &[Kind]) -> Self {
        let mut by_name = HashMap::new();
        let mut buckets: HashMap<u8, Vec<Special>> = HashMap::new();
        for (id, (text, kind)) in (0_u32..).zip(texts.iter().zip(kinds)) {
            let (true, Some(&first)) = (matches!(kind, Kind::Control | Kind::Defined), text.as_bytes().first()) else {
                continue;
            };
            by_name.entry(text.clone()).or_insert(id);
            buckets.entry(first).or_default().push(Special { text: text.clone(), id, control: *kind == Kind::Control });
        }
        for bucket in buckets.values_mut() {
            bucket.sort_by_key(|special| std::cmp::Reverse(special.text.len()));
        }
        Self { by_name, buckets }
    }

    /// The id of the special token written `name`.
    pub(super) fn id(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// Calls `visit` with each piece of text and the special token that follows it.
    pub(super) fn cut(&self, text: &str, reading: Reading, mut visit: impl FnMut(&str, Option<u32>)) {
        let bytes = text.as_bytes();
        let (mut from, mut at) = (0, 0);
        while at < bytes.len() {
            match self.at(&bytes[at..], reading) {
                Some(special) => {
                    visit(&text[from..at], Some(special.id));
                    at += special.text.len();
                    from = at;
                }
                None => at += 1,
            }
        }
        visit(&text[from..], None);
    }

    /// `text` with `mark` after the first letter of each control token.
    pub(super) fn guard(&self, text: &str, mark: char) -> String {
        let mut guarded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let control = self.at(rest.as_bytes(), Reading::Template).is_some_and(|special| special.control);
            guarded.push(first);
            guarded.extend(control.then_some(mark));
            rest = &rest[first.len_utf8()..];
        }
        guarded
    }

    fn at(&self, bytes: &[u8], reading: Reading) -> Option<&Special> {
        self.buckets
            .get(&bytes[0])?
            .iter()
            .filter(|special| reading == Reading::Template || !special.control)
            .find(|special| bytes.starts_with(special.text.as_bytes()))
    }
}
