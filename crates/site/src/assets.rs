//! The style sheet, the two scripts and the icon, with names that change when they do.

use crate::theme::Theme;
use hearth_markup::tokens;

/// What every page loads.
#[derive(Debug)]
pub(crate) struct Assets {
    pub(crate) files: Vec<(String, String)>,
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) icon: String,
}

/// Runs before the page is painted, so that no wrong colours flash.
pub(crate) const FIRST_SCRIPT: &str = include_str!("../theme/first.js");

/// A hearth's ember, in the tokens' colours.
const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><style>path{fill:#8F3306}\
    @media(prefers-color-scheme:dark){path{fill:#F2A878}}</style><path d=\"M16 3c1 6 8 8 8 16a8 8 0 0 1-16 0c0-4 2-6 \
    4-8 0 3 1 4 2 5 2-4 0-8 2-13z\"/></svg>\n";

impl Assets {
    pub(crate) fn new(theme: &Theme) -> Self {
        let style =
            [tokens::CSS, tokens::ARTICLE_CSS, include_str!("../theme/site.css"), &theme.style].map(compact).concat();
        let script = compact(include_str!("../theme/site.js"));
        let named = |start: &str, end: &str, text: &str| {
            let hash = blake3::hash(text.as_bytes()).to_hex();
            format!("/assets/{start}-{}.{end}", hash.get(..10).unwrap_or_default())
        };
        let (style_path, script_path) = (named("style", "css", &style), named("site", "js", &script));
        let icon_path = named("icon", "svg", ICON);
        Self {
            files: vec![
                (style_path.clone(), style),
                (script_path.clone(), script),
                (icon_path.clone(), ICON.to_owned()),
            ],
            style: style_path,
            script: script_path,
            icon: icon_path,
        }
    }
}

/// Everything compiled in that pages are made from.
pub(crate) const MADE_WITH: &str =
    concat!(include_str!("../theme/site.css"), include_str!("../theme/site.js"), include_str!("../theme/first.js"));

/// Leaves out comments and the space around lines; nothing inside a line changes.
fn compact(text: &str) -> String {
    let mut compacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        compacted.push_str(rest.get(..start).unwrap_or_default());
        let inside = rest.get(start..).unwrap_or_default();
        rest = inside.find("*/").and_then(|end| inside.get(end + 2..)).unwrap_or_default();
    }
    compacted.push_str(rest);
    let lines = compacted.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.fold(String::with_capacity(compacted.len()), |mut whole, line| {
        whole.push_str(line);
        whole.push('\n');
        whole
    })
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn compacting_keeps_what_counts() {
        assert_eq!(compact("/* a */\n\n a {\n  b: calc(1px + 2px);\n}\n"), "a {\nb: calc(1px + 2px);\n}\n");
    }
}
