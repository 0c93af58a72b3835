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

    pub(crate) fn message(&self) -> &Message {
        &self.message
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

#[cfg(test)]
mod tests {
    use super::{Counted, cut_middle, fit, total};
    use hearth_core::message::{AssistantMessage, Content, Message, StopReason, ToolCall, ToolResultMessage, Usage};

    fn user(text: &str) -> Counted {
        Counted::new(Message::user(text, jiff::Timestamp::UNIX_EPOCH))
    }

    fn answer(content: Vec<Content>) -> Counted {
        Counted::new(Message::Assistant(AssistantMessage {
            content,
            api: String::new(),
            provider: String::new(),
            model: String::new(),
            usage: Usage::default(),
            stop_reason: StopReason::Stop,
            error_message: None,
            timestamp: 0,
        }))
    }

    /// A question, a call, a result of so many words, an answer.
    fn turn(number: usize, words: usize) -> Vec<Counted> {
        let id = format!("c{number}");
        let call = ToolCall {
            id: id.clone(),
            name: "read".to_owned(),
            arguments: serde_json::Map::new(),
            thought_signature: None,
        };
        let result = ToolResultMessage {
            tool_call_id: id,
            tool_name: "read".to_owned(),
            content: vec![Content::text("data ".repeat(words))],
            is_error: false,
            timestamp: 0,
        };
        vec![
            user(&format!("question {number}")),
            answer(vec![Content::ToolCall(call)]),
            Counted::new(Message::ToolResult(result)),
            answer(vec![Content::text(format!("answer {number}"))]),
        ]
    }

    fn turns(count: usize, words: usize) -> Vec<Counted> {
        (0..count).flat_map(|number| turn(number, words)).collect()
    }

    fn messages(conversation: &[Counted]) -> Vec<Message> {
        conversation.iter().map(|counted| counted.message.clone()).collect()
    }

    #[test]
    fn what_fits_is_left_alone() {
        let conversation = turns(3, 100);
        assert_eq!(fit(&conversation, total(&conversation)), Some(messages(&conversation)));
    }

    #[test]
    fn old_results_are_shortened_before_any_turn_is_left_out() {
        let conversation = turns(3, 2_000);
        let sent = fit(&conversation, 5_000).expect("it fits");
        assert_eq!(sent.len(), 12);
        assert!(sent[2].text().contains("characters left out"));
        assert_eq!(sent[10], conversation[10].message);
    }

    #[test]
    fn the_oldest_turns_go_next_and_that_is_said() {
        let conversation = turns(50, 100);
        let sent = fit(&conversation, 2_000).expect("it fits");
        let first = sent[0].text();
        assert!(first.starts_with("[") && first.contains(" earlier messages are left out here]\nquestion "), "{first}");
        assert_eq!(sent.last(), conversation.last().map(|counted| &counted.message));
    }

    #[test]
    fn the_beginning_moves_seldom() {
        let mut conversation = turns(50, 100);
        let mut beginnings = Vec::new();
        for number in 50..70 {
            conversation.extend(turn(number, 100));
            let sent = fit(&conversation, 6_000).expect("it fits");
            beginnings
                .push(sent.iter().find_map(|message| message.text().split("question ").nth(1).map(str::to_owned)));
        }
        beginnings.dedup();
        assert!(beginnings.len() <= 4, "{beginnings:?}");
    }

    #[test]
    fn the_last_turn_is_shortened_and_never_left_out() {
        let conversation = turns(2, 4_000);
        let sent = fit(&conversation, 800).expect("it fits");
        assert_eq!(sent.len(), 4);
        assert!(sent[0].text().ends_with("question 1") && sent[2].text().contains("characters left out"));
        assert_eq!(fit(&[user(&"word ".repeat(1_000))], 800), None);
    }

    #[test]
    fn whatever_the_budget_what_is_sent_fits_and_pairs_stay_together() {
        for words in [1, 300, 3_000] {
            let conversation = turns(12, words);
            for budget in (300..total(&conversation)).step_by(197) {
                let sent = fit(&conversation, budget).expect("enough for one short turn");
                let counted: Vec<Counted> = sent.iter().cloned().map(Counted::new).collect();
                assert!(total(&counted) <= budget, "{} > {budget}", total(&counted));
                assert!(matches!(sent[0], Message::User(_)));
                assert_eq!(sent.len() % 4, 0, "a turn was torn apart");
            }
        }
    }

    #[test]
    fn a_text_is_cut_in_the_middle_at_whole_characters() {
        let text = format!("{}{}", "ä".repeat(100), "ß".repeat(100));
        assert_eq!(cut_middle(&text, 3, 2), "äää\n[… 195 characters left out …]\nßß");
        assert_eq!(cut_middle("short", 3, 2), "short");
    }
}
