//! Makes a conversation fit a model's window: old tool results are shortened first, then the oldest turns left out.
//!
//! What is taken away grows in steps of a quarter of the budget, so that the beginning of the prompt stays the same for many
//! turns and a provider's cache keeps being hit. A tool call is never parted from its result.

use crate::tokens;
use hearth_core::message::{Content, Message};

/// What a shortened tool result keeps of its beginning and of its end, in characters.
const KEPT_HEAD_CHARS: usize = 400;
const KEPT_TAIL_CHARS: usize = 200;

/// A message and its estimated tokens.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    message: Message,
    tokens: usize,
}

impl Counted {
    pub(crate) fn new(message: Message) -> Self {
        let tokens = tokens::of_message(&message);
        Self { message, tokens }
    }

    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }
}

/// Returns the messages within a budget; `None` when even the last turn alone, shortened, exceeds it.
pub(crate) fn fit(conversation: &[Counted], budget: usize) -> Option<Vec<Message>> {
    let mut kept = conversation.to_vec();
    let last_turn = last_turn_start(&kept);
    shorten_results(&mut kept[..last_turn], excess(conversation, budget));
    drop_oldest_turns(&mut kept, budget);
    let last_turn = last_turn_start(&kept);
    let newest = kept.len().saturating_sub(1).max(last_turn);
    let too_many = excess(&kept, budget);
    shorten_results(&mut kept[last_turn..newest], too_many);
    let too_many = excess(&kept, budget);
    shorten_results(&mut kept[newest..], too_many);
    let fits = total(&kept) <= budget;
    fits.then(|| kept.into_iter().map(|counted| counted.message).collect())
}

fn total(messages: &[Counted]) -> usize {
    messages.iter().map(Counted::tokens).sum()
}

/// How many tokens must go, rounded up to whole steps.
fn excess(messages: &[Counted], budget: usize) -> usize {
    let step = (budget / 4).max(1);
    total(messages).saturating_sub(budget).div_ceil(step) * step
}

/// Where the newest turn begins: at the last message of a person.
fn last_turn_start(messages: &[Counted]) -> usize {
    messages.iter().rposition(|counted| matches!(counted.message, Message::User(_))).unwrap_or(0)
}

/// Shortens tool results, the oldest first, until this many tokens are saved or all are short.
fn shorten_results(messages: &mut [Counted], wanted: usize) {
    let mut saved = 0;
    for counted in messages {
        if saved >= wanted {
            return;
        }
        let Message::ToolResult(result) = &counted.message else { continue };
        let mut shorter = result.clone();
        shorter.content.iter_mut().for_each(shorten_block);
        let shorter = Counted::new(Message::ToolResult(shorter));
        if shorter.tokens < counted.tokens {
            saved += counted.tokens - shorter.tokens;
            *counted = shorter;
        }
    }
}

fn shorten_block(block: &mut Content) {
    match block {
        Content::Text { text, .. } => *text = cut_middle(text, KEPT_HEAD_CHARS, KEPT_TAIL_CHARS),
        Content::Image { .. } => *block = Content::text("[an image that was seen earlier]"),
        Content::Thinking { .. } | Content::ToolCall(_) => {}
    }
}

/// Leaves out whole turns from the beginning, never the last one, and says so in the first message that is left.
fn drop_oldest_turns(messages: &mut Vec<Counted>, budget: usize) {
    let wanted = excess(messages, budget);
    if wanted == 0 {
        return;
    }
    let last_turn = last_turn_start(messages);
    let keep_from = (0..last_turn)
        .filter(|at| matches!(messages[*at].message, Message::User(_)))
        .find(|at| total(&messages[..*at]) >= wanted)
        .unwrap_or(last_turn);
    if keep_from == 0 {
        return;
    }
    messages.drain(..keep_from);
    if let Some(first) = messages.first_mut()
        && let Message::User(user) = &mut first.message
    {
        user.content.insert(0, Content::text(format!("[{keep_from} earlier messages are left out here]\n")));
        *first = Counted::new(first.message.clone());
    }
}

/// Cuts a text to its beginning and end, with a mark between them; a text that is hardly longer stays whole.
pub(crate) fn cut_middle(text: &str, head_chars: usize, tail_chars: usize) -> String {
    let chars = text.chars().count();
    if chars <= head_chars + tail_chars + 40 {
        return text.to_owned();
    }
    let byte_of = |nth: usize| text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at);
    let (head, tail) = (&text[..byte_of(head_chars)], &text[byte_of(chars - tail_chars)..]);
    format!("{head}\n[… {} characters left out …]\n{tail}", chars - head_chars - tail_chars)
}
