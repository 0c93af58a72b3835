//! Whether anything of a process group still lives.

use rustix::process::{Pid, test_kill_process_group};
use std::fs;

/// Tells whether a process of this group still runs.
///
/// An ended process whose parent has not collected it counts as gone: where orphans are inherited by something that
/// never collects them, as in a container without an init process, they would seem to run for ever.
pub(crate) fn is_alive(group: Pid) -> bool {
    test_kill_process_group(group).is_ok() && !only_remains(group)
}

/// True when the process table shows remains of the group and nothing else of it. False where there is no such table.
fn only_remains(group: Pid) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    let mut states = entries.flatten().filter_map(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        state_in(&stat, group)
    });
    // Nothing seen at all: the members belong to someone whose processes are hidden.
    states.next().is_some_and(|first| is_dead(first) && states.all(is_dead))
}

/// Reads a line of the process table: the state of a process of this group. Its name, in parentheses, may contain spaces
/// and parentheses itself.
fn state_in(stat: &str, group: Pid) -> Option<char> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    let found = fields.nth(1)?.parse().ok().and_then(Pid::from_raw);
    (found == Some(group)).then_some(state)
}

fn is_dead(state: char) -> bool {
    matches!(state, 'Z' | 'X')
}

#[cfg(test)]
mod tests {
    use super::state_in;
    use rustix::process::Pid;

    #[test]
    fn the_group_is_found_whatever_the_name() {
        let group = Pid::from_raw(42);
        let check = |stat: &str, expected: Option<char>| {
            assert_eq!(state_in(stat, group.expect("a group")), expected, "{stat}");
        };
        check("50 (sh) S 1 42 42 0 -1 4194304", Some('S'));
        check("50 (a) Z 1 7) Z 1 42 42 0", Some('Z'));
        check("50 (sh) S 42 43 42 0", None);
        check("50 (sh", None);
        check("", None);
    }
}
