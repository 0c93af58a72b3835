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
        ask: "which files are in photos?",
        steps: &[("bash", r#"{"command":"ls photos"}"#, "beach.jpg")],
        reply: "There is one file in photos: beach.jpg.",
    },
    Example {
        ask: "what is a volcano?",
        steps: &[],
        reply: "A volcano is an opening in the ground where lava comes out.",
    },
    Example {
        ask: "write hello.sh that says hello and run it",
        steps: &[
            ("write", r#"{"path":"hello.sh","content":"echo hello\n"}"#, "wrote 11 bytes"),
            ("bash", r#"{"command":"sh hello.sh"}"#, "hello"),
        ],
        reply: "I wrote hello.sh. It says: hello",
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
        ask: "add the line \"eggs\" at the end of lists/shopping.md",
        steps: &[("bash", r#"{"command":"echo '- eggs' >> lists/shopping.md"}"#, "")],
        reply: "I added eggs to lists/shopping.md.",
    },
    Example {
        ask: "show it to me",
        steps: &[("read", r#"{"path":"lists/shopping.md"}"#, "rolls\neggs")],
        reply: "Here it is:\nrolls\neggs",
    },
    Example { ask: "say thank you in Spanish", steps: &[], reply: "Gracias." },
    Example {
        ask: "how much is 12 times 7?",
        steps: &[("bash", r#"{"command":"echo $((12 * 7))"}"#, "84")],
        reply: "84.",
    },
    Example {
        ask: "remember that my brother is called Ben",
        steps: &[("bash", r#"{"command":"echo '- brother: Ben' >> USER.md"}"#, "")],
        reply: "I wrote it down in USER.md.",
    },
    Example {
        ask: "what time is it?",
        steps: &[("bash", r#"{"command":"date"}"#, "Sun May 3 18:20:07 UTC 2026")],
        reply: "It is 18:20.",
    },
    Example {
        ask: "move beach.jpg to a new folder old",
        steps: &[("bash", r#"{"command":"mkdir -p old && mv beach.jpg old/"}"#, "")],
        reply: "I moved beach.jpg to the folder old.",
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
