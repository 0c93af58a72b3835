//! Libraries have typed errors: no texts, no boxes, no `anyhow`.

use super::{Problem, find_in_code};
use crate::source::{Source, words};
use crate::workspace::{Package, Workspace};
use anyhow::Result;

const FIX: &str = "give the crate's `Error` enum a variant with data";

pub(super) fn check(package: &Package, source: &Source) -> Vec<Problem> {
    if !package.is_library() {
        return Vec::new();
    }
    let mut problems = find_in_code(
        source,
        &["Box<dyn Error", "Box<dyn std::error::Error", "Box<dyn core::error::Error"],
        "an untyped error",
        FIX,
    );
    problems.extend(words(&source.code, "Result").filter(|at| !source.in_tests(*at)).filter_map(|at| {
        let error = error_type(source.code.get(at + "Result".len()..)?)?;
        let texts = ["String", "&str", "&'static str", "()"];
        texts.contains(&error.as_str()).then(|| Problem {
            file: source.path.clone(),
            line: source.line_of(at),
            what: format!("an error that is only `{error}`"),
            fix: FIX.to_owned(),
        })
    }));
    problems
}

/// Libraries do not depend on `anyhow`; their tests may.
pub(super) fn check_manifests(workspace: &Workspace) -> Result<Vec<Problem>> {
    let libraries = workspace.packages.iter().filter(|package| package.is_library());
    let uses = |package: &&Package| package.dependencies.iter().any(|found| found.name == "anyhow" && !found.dev);
    Ok(libraries
        .filter(uses)
        .map(|package| Problem {
            file: package.folder.join("Cargo.toml"),
            line: 1,
            what: "a library depends on `anyhow`".to_owned(),
            fix: FIX.to_owned(),
        })
        .collect())
}

/// Returns the second parameter of `<T, E>`; a comma after the last one counts for nothing.
fn error_type(rest: &str) -> Option<String> {
    let inside = rest.strip_prefix('<')?;
    let mut depth = 0_usize;
    let mut parameters = vec![String::new()];
    for letter in inside.chars() {
        let arrow = letter == '>' && parameters.last().is_some_and(|text| text.ends_with('-'));
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' if depth == 0 && !arrow => break,
            '>' | ')' | ']' if !arrow => depth = depth.checked_sub(1)?,
            _ => {}
        }
        match parameters.last_mut() {
            Some(parameter) if letter != ',' || depth > 0 => parameter.push(letter),
            _ => parameters.push(String::new()),
        }
    }
    let error = parameters.get(1)?.split_whitespace().collect::<Vec<_>>().join(" ");
    (!error.is_empty()).then_some(error)
}

#[cfg(test)]
mod tests {
    use super::{check, check_manifests};
    use crate::tidy::world;
    use crate::workspace::Dependency;

    #[test]
    fn untyped_errors_are_found() {
        let text = "//! Doc.\nfn a() -> Result<Vec<(u8, String)>, String> {}\nfn b() -> Result<(), Box<dyn Error>> {}\n\
                    type R<T> = Result<\n    T,\n    &'static str,\n>;\n";
        assert_eq!(
            world::check(check, text),
            [
                "3: an untyped error `Box<dyn Error`",
                "2: an error that is only `String`",
                "4: an error that is only `&'static str`"
            ]
        );
    }

    #[test]
    fn typed_errors_and_tests_are_not() {
        let text = "//! Doc.\nfn a() -> Result<String, Error> {}\nfn b() -> Result<String> {}\nfn c(f: impl Fn() -> u8) -> Result<fn() -> u8, E> {}\n\
                    #[cfg(test)]\nmod tests {\n    fn d() -> Result<(), String> {}\n}\n";
        assert!(world::check(check, text).is_empty());
    }

    #[test]
    fn a_library_on_anyhow_is_found() {
        let on_anyhow = |noun: &str, dev| {
            let dependency = Dependency { name: "anyhow".to_owned(), internal: false, dev };
            crate::workspace::Package { dependencies: vec![dependency], ..world::package(noun) }
        };
        let packages = vec![on_anyhow("a", false), on_anyhow("b", true), on_anyhow("hearth", false)];
        let (_folder, workspace) = world::workspace(&[], packages);
        let problems = check_manifests(&workspace).unwrap();
        assert_eq!(problems.iter().map(|p| p.file.display().to_string()).collect::<Vec<_>>(), ["crates/a/Cargo.toml"]);
    }
}
