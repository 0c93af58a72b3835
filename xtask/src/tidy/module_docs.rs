//! Every file of a crate says on its first line what it is for.

use super::Problem;
use crate::source::Source;
use crate::workspace::Package;

pub(super) fn check(package: &Package, source: &Source) -> Vec<Problem> {
    let in_src = source.path.strip_prefix(&package.folder).is_ok_and(|path| path.starts_with("src"));
    let first = source.text.lines().next().unwrap_or_default();
    let words = first.strip_prefix("//!").map_or(0, |text| text.split_whitespace().count());
    if !in_src || words >= 2 {
        return Vec::new();
    }
    vec![Problem {
        file: source.path.clone(),
        line: 1,
        what: "the first line does not say what the file is for".to_owned(),
        fix: "begin with `//!` and one sentence".to_owned(),
    }]
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::world;

    #[test]
    fn the_first_line_must_be_a_sentence() {
        let bad = ["1: the first line does not say what the file is for"];
        assert_eq!(world::check(check, "use std::fmt;\n//! Late.\n"), bad);
        assert_eq!(world::check(check, "//!\n"), bad);
        assert_eq!(world::check(check, ""), bad);
        assert!(world::check(check, "//! Names of agents.\n").is_empty());
    }
}
