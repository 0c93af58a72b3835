//! The Markdown that Hearth reads: CommonMark with GitHub's extensions and dollar maths.

use comrak::Options;

/// Returns the parser and renderer settings that every output shares.
pub(crate) fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.autolink = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    options.extension.math_dollars = true;
    options.extension.cjk_friendly_emphasis = true;
    // Raw HTML is shown as the text it is: what a model writes is never markup of ours.
    options.render.escape = true;
    options
}

/// Where a link leads, as far as safety is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Another site, a mailbox, a phone.
    External,
    /// A path or a fragment; means nothing outside the folder the text came from.
    Relative,
    /// A scheme that could run code or open local things.
    Refused,
}

/// Sorts a link's address by an allowlist of schemes.
pub(crate) fn target(url: &str) -> Target {
    let Some((scheme, _)) = url.split_once(':') else { return Target::Relative };
    if scheme.contains(['/', '?', '#']) {
        return Target::Relative;
    }
    let known = ["http", "https", "mailto", "tel"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if known { Target::External } else { Target::Refused }
}

/// True for an image that carries its own bytes in a format that cannot run code.
pub(crate) fn is_inline_image(url: &str) -> bool {
    let lower: String = url.chars().take(24).flat_map(char::to_lowercase).collect();
    ["png", "jpeg", "gif", "webp"].iter().any(|kind| lower.starts_with(&format!("data:image/{kind};base64,")))
}

#[cfg(test)]
mod tests {
    use super::{Target, is_inline_image, target};

    #[test]
    fn only_known_schemes_are_links() {
        for (url, expected) in [
            ("https://example.org/a:b", Target::External),
            ("MAILTO:a@example.org", Target::External),
            ("notes/todo.md", Target::Relative),
            ("/a?b:c", Target::Relative),
            ("#fn:1", Target::Relative),
            ("javascript:alert(1)", Target::Refused),
            (" javascript:alert(1)", Target::Refused),
            ("java\tscript:alert(1)", Target::Refused),
            ("file:///etc/passwd", Target::Refused),
            ("data:text/html,x", Target::Refused),
            ("ms-settings:x", Target::Refused),
        ] {
            assert_eq!(target(url), expected, "{url}");
        }
    }

    #[test]
    fn only_raster_data_is_an_inline_image() {
        assert!(is_inline_image("data:image/PNG;base64,AAAA"));
        assert!(!is_inline_image("data:image/svg+xml;base64,AAAA"));
        assert!(!is_inline_image("https://example.org/a.png"));
    }
}
