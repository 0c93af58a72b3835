//! Folders of skills as people keep them.

use hearth_skills::{Skill, discover};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn put(dir: &Path, folder: &str, text: &str) -> PathBuf {
    let path = dir.join(folder).join("SKILL.md");
    fs::create_dir_all(dir.join(folder)).expect("a folder");
    fs::write(&path, text).expect("written");
    path
}

fn skill(name: &str, description: &str) -> String {
    format!("---\nname: {name}\ndescription: {description}\n---\nBody.\n")
}

#[test]
fn the_earlier_folder_wins_and_names_are_sorted() {
    let (workspace, home) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let mine = put(workspace.path(), "weather", &skill("weather", "Mine."));
    put(home.path(), "weather", &skill("weather", "Shared."));
    let bake = put(home.path(), "x", &skill("bake", "Bakes."));
    fs::write(home.path().join("README.md"), "no skill").expect("written");
    let dirs = [workspace.path().to_owned(), home.path().to_owned(), home.path().join("missing")];
    let found = |name: &str, description: &str, path: PathBuf| Skill {
        name: name.to_owned(),
        description: description.to_owned(),
        path,
        for_model: true,
    };
    assert_eq!(discover(&dirs), (vec![found("bake", "Bakes.", bake), found("weather", "Mine.", mine)], Vec::new()));
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_the_rest_is_used() {
    let home = TempDir::new().expect("a folder");
    put(home.path(), "a-fine", &skill("fine", "Works."));
    put(home.path(), "b-twin", &skill("fine", "Works too."));
    put(home.path(), "c-nameless", "---\ndescription: x\n---\n");
    put(home.path(), "d-broken", "---\nname: d\ndescription: \"open\n---\n");
    put(home.path(), "e-plain", "Just text.\n");
    put(home.path(), "f-silent", "---\nname: f\ndescription: ''\n---\n");
    let (skills, diagnostics) = discover(&[home.path().to_owned()]);
    assert_eq!(skills.iter().map(|skill| skill.name.as_str()).collect::<Vec<_>>(), ["fine"]);
    let said: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| {
            let path = diagnostic.path.strip_prefix(home.path()).expect("below the home");
            let message = diagnostic.message.replace(&home.path().display().to_string(), "~");
            format!("{}:{}: {message}", path.display(), diagnostic.line)
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    b-twin/SKILL.md:0: `fine` is already the name of ~/a-fine/SKILL.md; rename one
    c-nameless/SKILL.md:1: `name:` is missing
    d-broken/SKILL.md:3: the front matter is no valid YAML: unclosed quote
    e-plain/SKILL.md:1: the first line is not `---`; begin with `---`, `name:`, `description:`, `---`
    f-silent/SKILL.md:1: `description:` is empty; say in one line when to use the skill
    ");
}

#[test]
fn a_skill_for_people_only_is_marked() {
    let home = TempDir::new().expect("a folder");
    put(home.path(), "a", "---\nname: a\ndescription: |\n  Two\n  lines\ndisable-model-invocation: true\n---\n");
    let (skills, _) = discover(&[home.path().to_owned()]);
    assert_eq!((skills[0].description.as_str(), skills[0].for_model), ("Two lines", false));
}
