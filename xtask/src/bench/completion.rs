//! One question to an OpenAI-compatible server, with the times at which its answer came.

use crate::stopwatch::Stopwatch;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longest silence of a server that reads a long prompt.
const PATIENCE: Duration = Duration::from_secs(600);

/// When an answer came, and how long it was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timed {
    pub(crate) prompt_tokens: f64,
    pub(crate) answer_tokens: f64,
    /// From the question to the first piece of the answer.
    pub(crate) first: Duration,
    /// From the question to the last piece of the answer.
    pub(crate) last: Duration,
}

/// Asks and reads the whole answer.
pub(crate) fn ask(port: u16, question: &str, max_tokens: u32) -> Result<Timed> {
    let body = json!({
        "model": "bench", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0, "seed": 1,
        "max_tokens": max_tokens, "messages": [{"role": "user", "content": question}],
    });
    let body = body.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).context("connecting to the model server")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let watch = Stopwatch::start();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reader = BufReader::new(stream);
    let chunked = head(&mut reader)?;
    if chunked {
        read_events(BufReader::new(Chunked { inner: reader, left: 0 }), watch)
    } else {
        read_events(reader, watch)
    }
}

/// Reads status and headers; tells whether the body comes in chunks.
fn head(reader: &mut impl BufRead) -> Result<bool> {
    let mut status = String::new();
    reader.read_line(&mut status)?;
    let mut chunked = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
    }
    if !status.contains(" 200") {
        let mut rest = String::new();
        drop(reader.take(2_000).read_to_string(&mut rest));
        bail!("the model server answered {}: {}", status.trim(), rest.trim());
    }
    Ok(chunked)
}

fn read_events(reader: impl BufRead, watch: Stopwatch) -> Result<Timed> {
    let mut timed = Timed::default();
    for line in reader.lines() {
        let line = line.context("reading the answer")?;
        let Some(data) = line.strip_prefix("data:").map(str::trim) else { continue };
        // A server may keep the connection open behind its last word.
        if data == "[DONE]" {
            break;
        }
        let event: Value = serde_json::from_str(data).with_context(|| format!("reading `{data}`"))?;
        if let Some(message) = event["error"]["message"].as_str() {
            bail!("the model server failed: {message}");
        }
        if event["choices"][0]["delta"]["content"].as_str().is_some_and(|text| !text.is_empty()) {
            timed.last = watch.elapsed();
            if timed.first.is_zero() {
                timed.first = timed.last;
            }
        }
        if let Some(tokens) = event["usage"]["prompt_tokens"].as_f64() {
            timed.prompt_tokens = tokens;
            timed.answer_tokens = event["usage"]["completion_tokens"].as_f64().unwrap_or_default();
        }
    }
    if timed.first.is_zero() || timed.prompt_tokens < 1.0 {
        bail!("the model server sent no answer, or no count of its tokens");
    }
    Ok(timed)
}

/// A body in chunks, read through.
struct Chunked<R> {
    inner: R,
    /// Bytes left of the current chunk.
    left: u64,
}

impl<R: BufRead> Read for Chunked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.left == 0 {
            let mut line = String::new();
            if self.inner.read_line(&mut line)? == 0 {
                return Ok(0);
            }
            let digits = line.split(';').next().unwrap_or_default().trim();
            // The line break behind a chunk reads as an empty size.
            if digits.is_empty() {
                continue;
            }
            let invalid = |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "a chunk without a size");
            self.left = u64::from_str_radix(digits, 16).map_err(invalid)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunked, ask};
    use crate::bench::mock::Mock;
    use std::io::Read;

    #[test]
    fn chunks_are_joined() {
        let body: &[u8] = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        let mut text = String::new();
        Chunked { inner: body, left: 0 }.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcde");
    }

    #[test]
    fn an_answer_is_timed_and_counted() {
        let mock = Mock::start().unwrap();
        let timed = ask(mock.port(), "How is everything?", 8).unwrap();
        assert!((timed.prompt_tokens - 100.0).abs() < 1e-9 && (timed.answer_tokens - 4.0).abs() < 1e-9);
        assert!(!timed.first.is_zero() && timed.last >= timed.first);
    }
}
