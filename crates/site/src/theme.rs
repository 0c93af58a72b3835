//! Templates: the built-in ones, and those that a site's `theme` folder puts in their place.
//!
//! A file `theme/post.html` replaces the built-in template of that name; `{% extends "builtin/post.html" %}` keeps it and
//! changes single blocks (`title`, `head_extra`, `header`, `main`, `list`, `post_head`, `post_end`, `footer`).
//! `theme/style.css` comes after the built-in styles.

use crate::error::Error;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Output, State, UndefinedBehavior, Value};
use std::path::Path;

const BUILT_IN: &[(&str, &str)] = &[
    ("base.html", include_str!("../theme/base.html")),
    ("list.html", include_str!("../theme/list.html")),
    ("post.html", include_str!("../theme/post.html")),
    ("page.html", include_str!("../theme/page.html")),
    ("terms.html", include_str!("../theme/terms.html")),
    ("search.html", include_str!("../theme/search.html")),
    ("404.html", include_str!("../theme/404.html")),
];

/// A theme that is ready to render.
#[derive(Debug)]
pub(crate) struct Theme {
    environment: Environment<'static>,
    /// Styles of the site's own.
    pub(crate) style: String,
    /// Changes whenever a page could look different.
    pub(crate) hash: blake3::Hash,
}

impl Theme {
    /// Reads the templates of a site's folder over the built-in ones.
    pub(crate) fn load(root: &Path) -> Result<Self, Error> {
        let mut hasher = blake3::Hasher::new();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(write_escaped);
        environment.add_filter("urlencode", |text: &str| crate::text::encode_path(text));
        for (name, built_in) in BUILT_IN {
            let own = optional(&root.join("theme").join(name))?;
            let text = own.unwrap_or_else(|| (*built_in).to_owned());
            hasher.update(text.as_bytes());
            let wrong = |source| Error::Template { name: (*name).to_owned(), source };
            environment.add_template_owned(format!("builtin/{name}"), *built_in).map_err(wrong)?;
            environment.add_template_owned(*name, text).map_err(wrong)?;
        }
        let style = optional(&root.join("theme/style.css"))?.unwrap_or_default();
        hasher.update(style.as_bytes());
        Ok(Self { environment, style, hash: hasher.finalize() })
    }

    /// The hash of everything that is compiled in.
    pub(crate) fn built_in() -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for (_, text) in BUILT_IN {
            hasher.update(text.as_bytes());
        }
        hasher.update(crate::assets::MADE_WITH.as_bytes());
        hasher.update(hearth_markup::tokens::CSS.as_bytes()).update(hearth_markup::tokens::ARTICLE_CSS.as_bytes());
        hasher.finalize()
    }

    /// Renders a page.
    pub(crate) fn render(&self, name: &str, context: Value) -> Result<String, Error> {
        let wrong = |source| Error::Template { name: name.to_owned(), source };
        self.environment.get_template(name).and_then(|template| template.render(context)).map_err(wrong)
    }
}

/// Escapes what HTML needs and no more; the default would also write every slash as a number.
fn write_escaped(output: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    if matches!(value.kind(), ValueKind::Undefined | ValueKind::None) {
        return Ok(());
    }
    let whole = value.to_string();
    let written = if value.is_safe() { output.write_str(&whole) } else { output.write_str(&crate::text::xml(&whole)) };
    written.map_err(|source| {
        minijinja::Error::new(minijinja::ErrorKind::WriteFailure, "the page can't be written").with_source(source)
    })
}

fn optional(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::read(path)(error)),
    }
}
