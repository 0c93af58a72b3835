//! Notices a turn that goes nowhere: the same call with the same result, again and again.

use hearth_core::message::ToolCall;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Counts how often each call brought each result.
#[derive(Debug)]
pub(crate) struct RepeatGuard {
    max_repeats: u32,
    seen: HashMap<u64, u32>,
}

/// What the count says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Fine,
    /// Tell the model that it made this call so often with the same result.
    Tell(u32),
    /// Stop the turn.
    Stop(u32),
}

impl RepeatGuard {
    pub(crate) fn new(max_repeats: u32) -> Self {
        Self { max_repeats: max_repeats.max(2), seen: HashMap::new() }
    }

    /// Counts one call with its result.
    pub(crate) fn observe(&mut self, call: &ToolCall, result: &str) -> Verdict {
        let mut hasher = DefaultHasher::new();
        call.name.hash(&mut hasher);
        serde_json::to_string(&call.arguments).unwrap_or_default().hash(&mut hasher);
        result.hash(&mut hasher);
        let count = self.seen.entry(hasher.finish()).or_insert(0);
        *count += 1;
        match *count {
            count if count >= self.max_repeats => Verdict::Stop(count),
            count if count >= self.max_repeats.div_ceil(2).max(2) => Verdict::Tell(count),
            _ => Verdict::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RepeatGuard, Verdict};
    use hearth_core::message::ToolCall;

    fn call(command: &str) -> ToolCall {
        ToolCall {
            id: String::new(),
            name: "bash".to_owned(),
            arguments: [("command".to_owned(), command.into())].into_iter().collect(),
            thought_signature: None,
        }
    }

    #[test]
    fn only_the_same_call_with_the_same_result_counts() {
        let mut guard = RepeatGuard::new(4);
        let mut observe = |command: &str, result: &str| guard.observe(&call(command), result);
        assert_eq!(observe("ls", "a"), Verdict::Fine);
        assert_eq!(observe("ls", "b"), Verdict::Fine);
        assert_eq!(observe("ls", "a"), Verdict::Tell(2));
        assert_eq!(observe("pwd", "a"), Verdict::Fine);
        assert_eq!(observe("ls", "a"), Verdict::Tell(3));
        assert_eq!(observe("ls", "a"), Verdict::Stop(4));
    }
}
