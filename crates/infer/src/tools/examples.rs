//! Worked examples of the action form, for models that copy better than they follow rules.
//!
//! Only tools that are on offer appear, under the names and arguments they are known by.

use super::REPLY;
use super::form::{result, write_call};
use crate::request::Tool;
use crate::template::Line;

/// One example: what is asked, then calls with their results, then the reply.
struct Example {
    ask: &'static str,
    steps: &'static [Step],
    reply: &'static str,
}

/// Tool, arguments, result.
type Step = (&'static str, &'static str, &'static str);

const EXAMPLES: &[Example] = &[
    Example {
        ask: "hi, who are you?",
        steps: &[],
        reply: "Hello! I am your assistant on this computer. What can I do for you?",
    },
    Example {
        ask: "which files are in the photos folder?",
        steps: &[(
            "bash",
            r#"{"command":"ls -la photos"}"#,
            "total 8\n-rw-r--r-- 1 ann ann 5120 May 3 10:12 beach.jpg",
        )],
        reply: "The photos folder holds one file: beach.jpg (5 KB).",
    },
    Example {
        ask: "write a shopping list with milk and bread to lists/shopping.md and show it to me",
        steps: &[
            (
                "write",
                r#"{"path":"lists/shopping.md","content":"- milk\n- bread\n"}"#,
                "wrote 15 bytes to lists/shopping.md",
            ),
            ("read", r#"{"path":"lists/shopping.md"}"#, "- milk\n- bread"),
        ],
        reply: "I wrote lists/shopping.md:\n- milk\n- bread",
    },
    Example {
        ask: "change milk to oat milk in lists/shopping.md",
        steps: &[(
            "edit",
            r#"{"path":"lists/shopping.md","edits":[{"oldText":"milk","newText":"oat milk"}]}"#,
            "replaced 1 text in lists/shopping.md",
        )],
        reply: "Done: the list now says oat milk.",
    },
    Example { ask: "what is the capital of France?", steps: &[], reply: "Paris." },
];

/// The examples whose tools are all among `tools`.
pub(crate) fn lines(tools: &[Tool]) -> Vec<Line> {
    let offered = |name: &str| tools.iter().any(|tool| tool.name == name);
    let mut lines = Vec::new();
    for example in EXAMPLES.iter().filter(|example| example.steps.iter().all(|(name, ..)| offered(name))) {
        lines.push(Line::new("user", example.ask));
        for (name, arguments, outcome) in example.steps {
            lines.push(Line::new("assistant", write_call(name, arguments)));
            lines.push(Line::new("user", result(name, outcome)));
        }
        lines.push(Line::new("assistant", format!("{REPLY} {}", example.reply)));
    }
    lines
}
