//! Serves the four fakes on ports 4101 to 4104 of loopback until interrupted, for trying other clients against them.
//!
//! Tried with, streamed and whole, and parsed by all of them without a complaint (text, reasoning, two calls, usage):
//! Python `anthropic` 2.12.0 (`messages.stream`, `messages.create`), `openai` 3.54.0 (`responses.stream`,
//! `responses.create`, `chat.completions.stream`, `chat.completions.create`, `models.list`) and `google-genai` 3.4.0
//! (`generate_content_stream`).

use hearth_testkit::fake_provider::{Answer, FakeProvider, Format, Part, Reply};
use std::io::Write as _;
use std::net::SocketAddr;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut fakes = Vec::new();
    for (port, format) in (4101..).zip(Format::ALL) {
        let answer = Answer::default()
            .and(Part::thinking("They want the list, so I look.", "c2lnbmF0dXJl"))
            .and(Part::text("Let me look, grüße."))
            .and(Part::call("call_1", "read", r#"{"path": "notes/todo.md", "limit": 10}"#))
            .and(Part::call("call_2", "bash", r#"{"command": "df -h"}"#));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let fake = FakeProvider::start_at(address, format, vec![Reply::Answer(answer)]).await?;
        writeln!(std::io::stdout(), "{format:?} at {}", fake.base_url())?;
        fakes.push(fake);
    }
    std::future::pending::<()>().await;
    Ok(())
}
