//! Estimates how many tokens a text takes, for budgets; no model's tokenizer is known here.

use hearth_core::message::{Content, Message};
use hearth_core::tool::ToolSpec;

/// What an image takes in the services whose rule is known (about 1,600 at their largest size).
const IMAGE_TOKENS: usize = 1_600;

/// What the frame of a message takes besides its text.
const MESSAGE_TOKENS: usize = 4;

/// Estimates the tokens of a text: rather too many than too few, within about a third for prose and code.
///
/// Letters of one word are counted seven a token, digits three, other ASCII signs one each and half of that in a row, spaces
/// free; letters beyond ASCII count one each from the CJK blocks on, and one for two before.
#[must_use]
pub fn estimate_tokens(text: &str) -> usize {
    let mut halves = 0;
    let mut run = Run::None;
    for letter in text.chars() {
        run = run.next(letter, &mut halves);
    }
    halves.div_ceil(2)
}

/// What the letters before this one were, and how many of them the current token holds.
#[derive(Clone, Copy)]
enum Run {
    None,
    Word(u8),
    Number(u8),
    Sign,
}

impl Run {
    fn next(self, letter: char, halves: &mut usize) -> Self {
        let (run, cost) = match (letter, self) {
            ('a'..='z' | 'A'..='Z', Self::Word(length)) if length < 7 => (Self::Word(length + 1), 0),
            ('a'..='z' | 'A'..='Z', _) => (Self::Word(1), 2),
            ('0'..='9', Self::Number(length)) if length < 3 => (Self::Number(length + 1), 0),
            ('0'..='9', _) => (Self::Number(1), 2),
            (' ', _) => (Self::None, 0),
            (sign, Self::Sign) if sign.is_ascii() => (Self::Sign, 1),
            (sign, _) if sign.is_ascii() => (Self::Sign, 2),
            ('\u{80}'..='\u{10ff}', _) => (Self::None, 1),
            _ => (Self::None, 2),
        };
        *halves += cost;
        run
    }
}

/// Estimates the tokens of a message as it is sent.
pub(crate) fn of_message(message: &Message) -> usize {
    MESSAGE_TOKENS + message.content().iter().map(of_block).sum::<usize>()
}

fn of_block(block: &Content) -> usize {
    match block {
        Content::Text { text, .. } => estimate_tokens(text),
        Content::Thinking { thinking, thinking_signature, .. } => {
            estimate_tokens(thinking) + thinking_signature.as_deref().map_or(0, estimate_tokens)
        }
        Content::Image { .. } => IMAGE_TOKENS,
        Content::ToolCall(call) => {
            let arguments = serde_json::to_string(&call.arguments).unwrap_or_default();
            MESSAGE_TOKENS + estimate_tokens(&call.name) + estimate_tokens(&arguments)
        }
    }
}

/// Estimates the tokens of the tools' descriptions.
pub(crate) fn of_tools(specs: &[ToolSpec]) -> usize {
    specs
        .iter()
        .map(|spec| {
            MESSAGE_TOKENS
                + estimate_tokens(&spec.name)
                + estimate_tokens(&spec.description)
                + estimate_tokens(&spec.parameters.to_string())
        })
        .sum()
}
