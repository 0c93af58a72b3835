//! What of the history a model is sent: the messages as it should see them, within its window.

use crate::fit::{self, Counted};
use crate::transcript;
use hearth_core::message::{AssistantMessage, Content, Message, StopReason, UserMessage};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How messages look to a model.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// The zone in which a person's messages are dated.
    pub(crate) timezone: TimeZone,
    /// True when the model accepts images.
    pub(crate) images: bool,
}

/// A conversation as a model sees it.
#[derive(Debug)]
pub(crate) struct Conversation {
    view: View,
    messages: Vec<Counted>,
}

impl Conversation {
    /// Takes over a history, oldest first.
    pub(crate) fn new<'a>(history: impl Iterator<Item = &'a Message>, view: View) -> Self {
        let mut conversation = Self { view, messages: Vec::new() };
        for message in transcript::paired(history) {
            conversation.push(message);
        }
        conversation
    }

    /// Adds a message to the end. An answer that failed before it said anything is left out, and what the person said next
    /// joins what they said before: a small model would take a note of the failure for an answer, and repeat it.
    pub(crate) fn push(&mut self, message: Message) {
        if matches!(&message, Message::Assistant(answer) if answer.stop_reason == StopReason::Error && !says_something(answer))
        {
            return;
        }
        let mut shown = self.view.show(message);
        if let Message::User(user) = &mut shown
            && let Some(before) = self.messages.pop_if(|last| matches!(last.message(), Message::User(_)))
        {
            let mut joined = before.message().content().to_vec();
            joined.push(Content::text("\n\n"));
            joined.append(&mut user.content);
            user.content = joined;
        }
        self.messages.push(Counted::new(shown));
    }

    /// Returns the messages within a budget of estimated tokens; `None` when even the last turn alone exceeds it.
    pub(crate) fn within(&self, budget: usize) -> Option<Vec<Message>> {
        fit::fit(&self.messages, budget)
    }

    /// Returns the estimated tokens of the whole conversation.
    pub(crate) fn tokens(&self) -> usize {
        self.messages.iter().map(Counted::tokens).sum()
    }
}

impl View {
    fn show(&self, message: Message) -> Message {
        match message {
            Message::User(user) => Message::User(self.dated(user)),
            Message::Assistant(answer) => Message::Assistant(finished(answer)),
            Message::ToolResult(mut result) => {
                self.hide_images(&mut result.content);
                Message::ToolResult(result)
            }
        }
    }

    /// Puts the time before a person's text. It is derived from the message, so it reads the same in every later turn.
    fn dated(&self, mut user: UserMessage) -> UserMessage {
        self.hide_images(&mut user.content);
        let sent = Timestamp::from_millisecond(user.timestamp).unwrap_or(Timestamp::UNIX_EPOCH);
        let stamp = sent.to_zoned_datetime(self.timezone.clone()).strftime("[%a %Y-%m-%d %H:%M %:z]").to_string();
        let first_text = user.content.iter_mut().find_map(|block| match block {
            Content::Text { text, .. } => Some(text),
            Content::Thinking { .. } | Content::Image { .. } | Content::ToolCall(_) => None,
        });
        match first_text {
            Some(text) => *text = format!("{stamp} {text}"),
            None => user.content.insert(0, Content::text(stamp)),
        }
        user
    }

    fn hide_images(&self, content: &mut [Content]) {
        if self.images {
            return;
        }
        for block in content {
            if matches!(block, Content::Image { .. }) {
                *block = Content::text("[an image that this model can't see]");
            }
        }
    }
}

/// Says of an answer that broke off why it did, and leaves none without content: people and models take turns.
fn finished(mut answer: AssistantMessage) -> AssistantMessage {
    let note = match answer.stop_reason {
        StopReason::Aborted => "(stopped here)",
        StopReason::Error => "(broke off here: the model failed)",
        StopReason::Stop | StopReason::Length | StopReason::ToolUse => "(no answer)",
    };
    let broke_off = matches!(answer.stop_reason, StopReason::Aborted | StopReason::Error);
    if broke_off || !says_something(&answer) {
        answer.content.push(Content::text(note));
    }
    answer
}

fn says_something(answer: &AssistantMessage) -> bool {
    answer.content.iter().any(|block| match block {
        Content::Text { text, .. } => !text.trim().is_empty(),
        Content::ToolCall(_) => true,
        Content::Thinking { .. } | Content::Image { .. } => false,
    })
}
