//! A provider that answers every question at once with the same few words: what is left is the asker's own time.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest request that is read; a turn's context is far below.
const MAX_REQUEST_BYTES: u64 = 16 * 1024 * 1024;

/// What every answer says.
pub(crate) const ANSWER: &str = "All is well.";

/// The running mock. Its threads end with the process.
#[derive(Debug)]
pub(crate) struct Mock {
    port: u16,
    asked: Arc<AtomicU64>,
}

impl Mock {
    /// Listens on a free loopback port.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("opening a port for the mock provider")?;
        let port = listener.local_addr()?.port();
        let asked = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || drop(serve(&stream, &counter)));
            }
        });
        Ok(Self { port, asked })
    }

    /// Returns the port it listens on.
    #[cfg(test)]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the base URL of its Chat Completions interface.
    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Returns how many questions it answered.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// Answers request after request of one connection, until the other side closes it.
fn serve(stream: &TcpStream, counter: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some((line, body)) = request(&mut reader)? {
        let (kind, answer) = if line.contains("/chat/completions") {
            counter.fetch_add(1, Ordering::Relaxed);
            answer(&body)
        } else {
            ("application/json", json!({"object": "list", "data": [{"id": "mock", "object": "model"}]}).to_string())
        };
        let mut writer = stream;
        write!(writer, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())?;
    }
    Ok(())
}

fn request(reader: &mut impl BufRead) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut length = 0_u64;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let header = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if let Some((_, value)) = header {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = Vec::new();
    reader.take(length.min(MAX_REQUEST_BYTES)).read_to_end(&mut body)?;
    Ok(Some((first, body)))
}

/// Answers as a stream when that was asked for, else in one piece.
fn answer(body: &[u8]) -> (&'static str, String) {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 4, "total_tokens": 104});
    if asked["stream"] != json!(true) {
        let choice = json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}});
        let whole = json!({"id": "mock", "object": "chat.completion", "created": 0, "model": "mock", "choices": [choice], "usage": usage});
        return ("application/json", whole.to_string());
    }
    let chunk = |delta: Value, finish: Value, usage: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk = json!({"id": "mock", "object": "chat.completion.chunk", "created": 0, "model": "mock", "choices": [choice], "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let mut stream = chunk(json!({"role": "assistant", "content": ""}), Value::Null, Value::Null);
    for word in ANSWER.split_inclusive(' ') {
        stream.push_str(&chunk(json!({"content": word}), Value::Null, Value::Null));
    }
    stream.push_str(&chunk(json!({}), json!("stop"), usage));
    stream.push_str("data: [DONE]\n\n");
    ("text/event-stream", stream)
}

#[cfg(test)]
mod tests {
    use super::{ANSWER, Mock};
    use serde_json::Value;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn a_question_is_answered_as_a_stream() {
        let mock = Mock::start().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", mock.port)).unwrap();
        let body = r#"{"stream":true}"#;
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let chunks = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let said: String = chunks
            .filter_map(|chunk| serde_json::from_str::<Value>(chunk).ok())
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(said, ANSWER);
        assert_eq!(mock.asked(), 1);
    }
}
