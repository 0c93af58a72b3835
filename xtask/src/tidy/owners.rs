//! What reaches outside has one owner: variables in `config`, processes in `sandbox`.

use super::{Problem, find_in_code};
use crate::source::Source;
use crate::workspace::Package;

/// Who may use what, and what others do instead.
struct Owner {
    noun: &'static str,
    words: &'static [&'static str],
    what: &'static str,
    fix: &'static str,
}

const OWNERS: &[Owner] = &[
    Owner {
        noun: "config",
        words: &["env::var(", "env::var_os(", "env::vars(", "env::vars_os("],
        what: "an environment variable is read by",
        fix: "take a `hearth_config::Environment`",
    },
    Owner {
        noun: "sandbox",
        words: &["process::Command", "Command::new(std", "Command::new(\"", "StdCommand::new("],
        what: "a process is started by",
        fix: "start it through `hearth_sandbox`",
    },
];

pub(super) fn check(package: &Package, source: &Source) -> Vec<Problem> {
    let others = OWNERS.iter().filter(|owner| package.noun != owner.noun && package.noun != "xtask");
    others.flat_map(|owner| find_in_code(source, owner.words, owner.what, owner.fix)).collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::source::Source;
    use crate::tidy::world;

    const TEXT: &str =
        "//! Doc.\nlet a = std::env::var_os(\"A\");\nuse tokio::process::Command;\nlet b = std::env::consts::OS;\n";

    #[test]
    fn only_the_owner_reaches_outside() {
        assert_eq!(
            world::check(check, TEXT),
            ["2: an environment variable is read by `env::var_os`", "3: a process is started by `process::Command`"]
        );
        let told = |noun| world::told(&check(&world::package(noun), &Source::new("src/x.rs", TEXT)));
        assert_eq!(told("config"), ["3: a process is started by `process::Command`"]);
        assert_eq!(told("xtask"), Vec::<String>::new());
    }
}
