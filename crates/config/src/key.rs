//! Dotted names of settings: `agents.list[0].id`, `models.providers."my.host".apiKey`.

use crate::error::Error;
use std::fmt;

/// A setting's place in the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key(Vec<Step>);

/// One step of a [`Key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into an object.
    Name(String),
    /// Into a list, from 0.
    Entry(usize),
}

/// Deepest key that is accepted; the deepest setting has six steps.
const MAX_STEPS: usize = 32;

impl Key {
    /// Reads `a.b`, `a[0]`, `a.0` and `a."b.c"`. A number after a dot is a name until the tree shows a list there.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let malformed = |reason| Error::MalformedKey { key: text.chars().take(200).collect(), reason };
        let mut steps = Vec::new();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(malformed("it is empty"));
        }
        while !rest.is_empty() {
            let (step, after) = if let Some(inner) = rest.strip_prefix('[') {
                let (digits, after) = inner.split_once(']').ok_or_else(|| malformed("a `[` has no `]`"))?;
                let number = digits.trim().parse().ok().map(Step::Entry);
                (number.ok_or_else(|| malformed("between `[` and `]` belongs a number"))?, after)
            } else if let Some(inner) = rest.strip_prefix('"') {
                let (name, after) = inner.split_once('"').ok_or_else(|| malformed("a quote is not closed"))?;
                (Step::Name(name.to_owned()), after)
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                (Step::Name(name.to_owned()), after)
            };
            if step == Step::Name(String::new()) {
                return Err(malformed("a part is empty"));
            }
            steps.push(step);
            rest = match after.strip_prefix('.') {
                Some("") => return Err(malformed("it ends with a dot")),
                Some(more) => more,
                None if after.is_empty() || after.starts_with('[') => after,
                None => return Err(malformed("parts are separated by dots")),
            };
        }
        if steps.len() > MAX_STEPS {
            return Err(malformed("it has too many parts"));
        }
        Ok(Self(steps))
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Tells whether the value is a secret: a provider's key, or one of its headers.
    pub(crate) fn is_secret(&self) -> bool {
        let names: Vec<_> = self.0.iter().map(Step::as_name).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        matches!(names.as_slice(), ["models", "providers", _, "apiKey"] | ["models", "providers", _, "headers", _])
    }

    /// Returns the key of the container that this key's first `depth` steps lead to.
    pub(crate) fn prefix(&self, depth: usize) -> Self {
        Self(self.0.iter().take(depth).cloned().collect())
    }

    /// Returns the key of a field of this object.
    pub(crate) fn child(&self, name: &str) -> Self {
        self.with(Step::Name(name.to_owned()))
    }

    /// Returns the key of an entry of this list.
    pub(crate) fn entry(&self, index: usize) -> Self {
        self.with(Step::Entry(index))
    }

    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl Step {
    /// Returns the number this step means in a list.
    pub(crate) fn as_entry(&self) -> Option<usize> {
        match self {
            Self::Entry(index) => Some(*index),
            Self::Name(name) => name.parse().ok(),
        }
    }

    /// Returns the name this step means in an object.
    pub(crate) fn as_name(&self) -> String {
        match self {
            Self::Entry(index) => index.to_string(),
            Self::Name(name) => name.clone(),
        }
    }
}

impl From<Vec<Step>> for Key {
    fn from(steps: Vec<Step>) -> Self {
        Self(steps)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            let dot = if position == 0 { "" } else { "." };
            match step {
                Step::Name(name) if name.contains(['.', '[', '"', ' ']) => write!(formatter, "{dot}\"{name}\"")?,
                Step::Name(name) => write!(formatter, "{dot}{name}")?,
                Step::Entry(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    fn check(text: &str, expected: Result<&str, &str>) {
        let parsed = Key::parse(text).map(|key| key.to_string()).map_err(|error| error.to_string());
        assert_eq!(parsed.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn keys_are_read_and_written() {
        check("gateway.port", Ok("gateway.port"));
        check("agents.list[0].id", Ok("agents.list[0].id"));
        check("agents.list.0.id", Ok("agents.list.0.id"));
        check("models.providers.\"my.host\".api", Ok("models.providers.\"my.host\".api"));
        check("", Err("`` is not a setting's name: it is empty"));
        check("gateway.", Err("`gateway.` is not a setting's name: it ends with a dot"));
        check(".port", Err("`.port` is not a setting's name: a part is empty"));
        check("a[x]", Err("`a[x]` is not a setting's name: between `[` and `]` belongs a number"));
        check("a[0]b", Err("`a[0]b` is not a setting's name: parts are separated by dots"));
        check("a.\"b", Err("`a.\"b` is not a setting's name: a quote is not closed"));
    }
}
