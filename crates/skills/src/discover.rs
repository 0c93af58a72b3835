//! Walks the skill folders; the first folder that has a name wins.

use crate::front_matter::{self, Fault, FrontMatter};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How much of a `SKILL.md` is read for its front matter, in bytes.
const FRONT_MATTER_MAX_BYTES: u64 = 64 << 10;

/// How many skills one folder may hold; every one of them costs every prompt a line.
const SKILLS_MAX: usize = 200;

/// Longest name, in characters.
const NAME_MAX_CHARS: usize = 64;

/// Longest description that is kept, in characters.
const DESCRIPTION_MAX_CHARS: usize = 1_024;

/// A skill that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skill {
    /// What the model calls it; unique among the skills found.
    pub name: String,
    /// When to use it: one line.
    pub description: String,
    /// Its `SKILL.md`.
    pub path: PathBuf,
    /// False when only a person may start it (`disable-model-invocation`).
    pub for_model: bool,
}

/// Something a person should mend in a skill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file or folder.
    pub path: PathBuf,
    /// The line, from 1; 0 when it concerns the whole file.
    pub line: usize,
    /// What is wrong and how to mend it.
    pub message: String,
}

/// Finds the skills of the given folders (`<folder>/<skill>/SKILL.md`), sorted by name. A skill in an earlier folder
/// hides one of the same name in a later folder. A missing folder holds none.
#[must_use]
pub fn discover(dirs: &[PathBuf]) -> (Vec<Skill>, Vec<Diagnostic>) {
    let mut found = BTreeMap::new();
    let mut diagnostics = Vec::new();
    for dir in dirs {
        let mut here: BTreeMap<String, Skill> = BTreeMap::new();
        for path in skill_files(dir, &mut diagnostics) {
            let Some(skill) = load(&path, &mut diagnostics) else { continue };
            if let Some(first) = here.get(&skill.name) {
                let message = format!("`{}` is already the name of {}; rename one", skill.name, first.path.display());
                diagnostics.push(Diagnostic { path, line: 0, message });
                continue;
            }
            here.insert(skill.name.clone(), skill);
        }
        for (name, skill) in here {
            found.entry(name).or_insert(skill);
        }
    }
    (found.into_values().collect(), diagnostics)
}

fn skill_files(dir: &Path, diagnostics: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                diagnostics.push(whole(dir, format!("can't be read: {error}")));
            }
            return Vec::new();
        }
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("SKILL.md"))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    if files.len() > SKILLS_MAX {
        diagnostics.push(whole(dir, format!("holds {} skills; only the first {SKILLS_MAX} are used", files.len())));
        files.truncate(SKILLS_MAX);
    }
    files
}

fn load(path: &Path, diagnostics: &mut Vec<Diagnostic>) -> Option<Skill> {
    let text = match read_start(path) {
        Ok(text) => text,
        Err(error) => {
            diagnostics.push(whole(path, format!("can't be read: {error}")));
            return None;
        }
    };
    match front_matter::parse(&text).and_then(|front| check(front, path)) {
        Ok(skill) => Some(skill),
        Err(Fault { line, message }) => {
            diagnostics.push(Diagnostic { path: path.to_owned(), line, message });
            None
        }
    }
}

fn check(front: FrontMatter, path: &Path) -> Result<Skill, Fault> {
    let fault = |message: &str| Fault { line: 1, message: message.to_owned() };
    let name = one_line(&front.name.ok_or_else(|| fault("`name:` is missing"))?);
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS {
        return Err(fault("`name:` must have 1 to 64 characters"));
    }
    let description = one_line(&front.description.ok_or_else(|| fault("`description:` is missing"))?);
    if description.is_empty() {
        return Err(fault("`description:` is empty; say in one line when to use the skill"));
    }
    Ok(Skill {
        name,
        description: description.chars().take(DESCRIPTION_MAX_CHARS).collect(),
        path: path.to_owned(),
        for_model: !front.disable_model_invocation,
    })
}

fn read_start(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FRONT_MATTER_MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Puts a text on one line, without control characters: it becomes a line of a prompt.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn whole(path: &Path, message: String) -> Diagnostic {
    Diagnostic { path: path.to_owned(), line: 0, message }
}
