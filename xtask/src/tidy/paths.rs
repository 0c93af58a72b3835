//! No file knows the machine it was written on.

use super::Problem;
use crate::source::Source;
use crate::workspace::Package;

/// Folders of build machines, without their slashes, because this rule reads its own file too.
const FOLDERS: &[&str] = &["work", "root", "Users"];

pub(super) fn check(_: &Package, source: &Source) -> Vec<Problem> {
    find(&source.text)
        .map(|(line, folder)| Problem {
            file: source.path.clone(),
            line,
            what: format!("a path of somebody's machine (`{folder}`)"),
            fix: "take the path from the configuration, or use a temporary folder".to_owned(),
        })
        .collect()
}

fn find(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let part_of_a_path = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '~' | '_' | '-' | '}' | '>');
    text.lines().enumerate().filter_map(move |(index, line)| {
        FOLDERS.iter().find_map(|folder| {
            let folder = format!("/{folder}/");
            let at = line.find(&folder)?;
            let inside = line.get(..at).and_then(|before| before.chars().next_back()).is_some_and(part_of_a_path);
            (!inside).then_some((index + 1, folder))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::world;

    #[test]
    fn machine_paths_are_found_everywhere() {
        let path = format!("/{}/me", "root");
        assert_eq!(world::check(check, &format!("//! Doc.\n// see {path}\n")).len(), 1);
        assert_eq!(world::check(check, &format!("//! Doc.\nlet a = \"{path}\";\n")).len(), 1);
        assert!(
            world::check(check, "//! Doc.\nlet a = \"~/work/notes\"; let b = \"a/work/b\"; let c = \"/tmp/x\";\n")
                .is_empty()
        );
    }
}
