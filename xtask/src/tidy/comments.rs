//! Comments are sentences: no pictures, no banners, no step numbers.

use super::Problem;
use crate::source::{Comment, Source};
use crate::workspace::Package;

pub(super) fn check(_: &Package, source: &Source) -> Vec<Problem> {
    source
        .comments
        .iter()
        .filter_map(|comment| Some((comment.line, judge(comment)?)))
        .map(|(line, (what, fix))| Problem {
            file: source.path.clone(),
            line,
            what: what.to_owned(),
            fix: fix.to_owned(),
        })
        .collect()
}

fn judge(comment: &Comment) -> Option<(&'static str, &'static str)> {
    let words = comment.text.trim_start_matches(['/', '!', '*', ' ']);
    if comment.text.chars().any(is_pictogram) {
        return Some(("a comment holds a pictogram", "say it in words"));
    }
    if ["====", "----", "####", "****", "////"].into_iter().any(|banner| words.starts_with(banner)) {
        return Some(("a comment is a banner", "make what it introduces a module or a function of its own"));
    }
    let step = words.strip_prefix("Step ").or_else(|| words.strip_prefix("STEP "));
    if step.is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit())) {
        return Some(("a comment numbers a step", "let function names tell the steps"));
    }
    None
}

/// Emoji and the symbols used like them; arrows, ticks of tables and mathematics are not among them.
fn is_pictogram(letter: char) -> bool {
    matches!(letter, '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{26FF}' | '\u{2705}' | '\u{2728}' | '\u{274C}' | '\u{2B50}' | '\u{FE0F}')
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::world;

    #[test]
    fn noise_is_found() {
        let text = "//! Doc.\n// ===== Helpers =====\n// Step 2: connect\n/// \u{2705} done\n/* ------ */\n";
        assert_eq!(
            world::check(check, text),
            [
                "2: a comment is a banner",
                "3: a comment numbers a step",
                "4: a comment holds a pictogram",
                "5: a comment is a banner"
            ]
        );
    }

    #[test]
    fn sentences_and_tables_are_not() {
        let text = "//! Stepwise: a → b, x ≤ y.\n//! |---|---|\nlet a = \"// ====\"; // Steps are counted.\n";
        assert!(world::check(check, text).is_empty());
    }
}
