//! Tasks have owners and queues have bounds.

use super::{Problem, find_in_code};
use crate::source::Source;
use crate::workspace::Package;

const SPAWNS: &[&str] = &["tokio::spawn(", "task::spawn(", "Handle::current().spawn("];
const UNBOUNDED: &[&str] = &[
    "unbounded_channel",
    "UnboundedSender",
    "UnboundedReceiver",
    "std::sync::mpsc::channel",
    "futures_channel::mpsc::unbounded",
];

pub(super) fn check(_: &Package, source: &Source) -> Vec<Problem> {
    let mut problems =
        find_in_code(source, SPAWNS, "a task without an owner", "spawn it on a `JoinSet` or keep and await its handle");
    problems.extend(find_in_code(source, UNBOUNDED, "a queue without a bound", "use a bounded channel"));
    problems
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::world;

    #[test]
    fn detached_tasks_and_unbounded_queues_are_found() {
        let text = "//! Doc.\ntokio::spawn(async {});\nlet (a, b) = mpsc::unbounded_channel();\nset.spawn(async {});\n\
                    let (a, b) = mpsc::channel(8);\n// tokio::spawn( in a comment\n";
        assert_eq!(
            world::check(check, text),
            ["2: a task without an owner `tokio::spawn`", "3: a queue without a bound `unbounded_channel`"]
        );
    }
}
