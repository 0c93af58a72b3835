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
    Example { ask: "hi, who are you?", steps: &[], reply: "Hello! I am your assistant. What can I do for you?" },
    Example {
        ask: "append \"eggs\" to lists/shopping.md",
        steps: &[("bash", r#"{"command":"echo '- eggs' >> lists/shopping.md"}"#, "")],
        reply: "I added eggs to lists/shopping.md.",
    },
    Example {
        ask: "change bread to rolls in lists/shopping.md",
        steps: &[(
            "edit",
            r#"{"path":"lists/shopping.md","edits":[{"oldText":"bread","newText":"rolls"}]}"#,
            "replaced 1 text",
        )],
        reply: "Done, it says rolls now.",
    },
    Example {
        ask: "what time is it?",
        steps: &[("bash", r#"{"command":"date +%H:%M"}"#, "18:20")],
        reply: "It is 18:20.",
    },
    Example {
        ask: "which photo is the largest?",
        steps: &[("bash", r#"{"command":"ls -S photos | head -n 1"}"#, "beach.jpg")],
        reply: "The largest is beach.jpg.",
    },
    Example { ask: "what is a volcano?", steps: &[], reply: "An opening in the ground where lava comes out." },
    Example {
        ask: "remember that I like tea",
        steps: &[("bash", r#"{"command":"echo '- likes tea' >> USER.md"}"#, "")],
        reply: "I wrote it down in USER.md.",
    },
    Example {
        ask: "add soap to lists/bath.md",
        steps: &[("bash", r#"{"command":"echo '- soap' >> lists/bath.md"}"#, "")],
        reply: "I added soap to lists/bath.md.",
    },
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
