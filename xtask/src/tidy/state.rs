//! No state that belongs to nobody: what may change is owned and passed.

use super::Problem;
use crate::source::{Source, words};
use crate::workspace::Package;

const CELLS: &[&str] = &["Mutex", "RwLock", "OnceLock", "OnceCell", "Atomic", "RefCell"];

pub(super) fn check(package: &Package, source: &Source) -> Vec<Problem> {
    if package.noun == "hearth" {
        return Vec::new();
    }
    let declarations = words(&source.code, "static").filter(|at| !source.in_tests(*at)).filter_map(|at| {
        let rest = source.code.get(at..)?;
        let is_lifetime = source.code.get(..at).is_some_and(|before| before.ends_with('\''));
        let end = rest.find(['=', ';', '{', '(']).unwrap_or(rest.len());
        let declaration = rest.get(..end).filter(|_| !is_lifetime)?;
        let mutable = declaration.starts_with("static mut ");
        let cell = CELLS.iter().find(|cell| declaration.contains(*cell)).copied();
        Some((at, if mutable { "mut" } else { cell? }))
    });
    let locals = source.code.match_indices("thread_local!").map(|(at, _)| (at, "thread_local"));
    declarations
        .chain(locals.filter(|(at, _)| !source.in_tests(*at)))
        .map(|(at, word)| Problem {
            file: source.path.clone(),
            line: source.line_of(at),
            what: format!("global state (`{word}`)"),
            fix: "own it in a value and pass that".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::world;

    #[test]
    fn global_state_is_found() {
        let text = "//! Doc.\nstatic A: Mutex<u8> = Mutex::new(0);\npub(crate) static B: std::sync::OnceLock<u8> =\n    x();\n\
                    static mut C: u8 = 0;\nthread_local! { }\n";
        assert_eq!(
            world::check(check, text),
            [
                "2: global state (`Mutex`)",
                "3: global state (`OnceLock`)",
                "5: global state (`mut`)",
                "6: global state (`thread_local`)"
            ]
        );
    }

    #[test]
    fn constants_and_owned_locks_are_not() {
        let text =
            "//! Doc.\nstatic TABLE: [u8; 2] = [1, 2];\nstruct A { b: Mutex<u8> }\nfn f(x: &'static Mutex<u8>) {}\n";
        assert!(world::check(check, text).is_empty());
    }
}
