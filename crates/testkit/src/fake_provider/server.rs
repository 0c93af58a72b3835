//! A small HTTP/1.1 server on loopback that can break off at any byte.

use super::script::{Fault, Reply};
use super::{Format, WireEvent};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A running fake; it ends when dropped.
#[derive(Debug)]
pub struct FakeProvider {
    address: SocketAddr,
    format: Format,
    shared: Arc<Shared>,
    /// Owns the server; aborted on drop.
    _server: JoinSet<()>,
}

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// `GET` or `POST`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; null when there was none.
    pub body: Value,
}

impl Recorded {
    /// Returns a header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
struct Shared {
    format: Format,
    script: Vec<Reply>,
    requests: Mutex<Vec<Recorded>>,
}

/// Larger requests than any test sends.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
const MAX_HEADERS: usize = 200;

impl FakeProvider {
    /// Starts a fake on a free port. Replies go out in order; the last one is repeated.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn start(format: Format, script: Vec<Reply>) -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), format, script).await
    }

    /// Starts a fake at an address.
    ///
    /// # Errors
    /// The address could not be bound.
    pub async fn start_at(address: SocketAddr, format: Format, script: Vec<Reply>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { format, script, requests: Mutex::default() });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, format, shared, _server: server })
    }

    /// Returns the address as a provider's configuration wants it.
    #[must_use]
    pub fn base_url(&self) -> String {
        let path = match self.format {
            Format::AnthropicMessages => "",
            Format::OpenAiResponses | Format::OpenAiCompletions => "/v1",
            Format::GoogleGenerativeAi => "/v1beta",
        };
        format!("http://{}{path}", self.address)
    }

    /// Returns the requests so far, lists of models left out.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // A client that goes away in the middle is part of the tests.
        let shared = Arc::clone(&shared);
        connections.spawn(async move { serve(stream, &shared).await.is_ok() });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await? {
        if request.method == "GET" {
            write_whole(stream.get_mut(), 200, &[], &model_list(shared.format).to_string()).await?;
            continue;
        }
        let reply = shared.next_reply(request.clone());
        if !answer(stream.get_mut(), shared.format, reply, &request).await? {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

impl Shared {
    fn next_reply(&self, request: Recorded) -> Reply {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let number = requests.len();
        requests.push(request);
        let reply = self.script.get(number).or(self.script.last()).cloned();
        reply.unwrap_or_else(|| Reply::Fault(Fault::status(500, "api_error", "the script is empty")))
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Recorded>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    while headers.len() < MAX_HEADERS {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0).min(MAX_BODY_BYTES)];
    stream.read_exact(&mut body).await?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Some(Recorded { method, path, headers, body }))
}

/// Replies; false when the connection must not be used again.
async fn answer(stream: &mut TcpStream, format: Format, mut reply: Reply, request: &Recorded) -> io::Result<bool> {
    while let Reply::Late(delay, later) = reply {
        tokio::time::sleep(delay).await;
        reply = *later;
    }
    let model = request.body.get("model").and_then(Value::as_str).unwrap_or("fake-model");
    let wants_stream = request.body.get("stream") == Some(&Value::Bool(true)) || request.path.contains(":stream");
    match reply {
        Reply::Answer(answer) if wants_stream => {
            let events = format.events(&answer, model);
            write_stream(stream, &events, Ending::Orderly).await
        }
        Reply::Answer(answer) | Reply::Whole(answer) => {
            write_whole(stream, 200, &[], &format.whole(&answer, model).to_string()).await?;
            Ok(true)
        }
        Reply::Fault(fault) => write_fault(stream, format, fault, model).await,
        Reply::Late(..) => Ok(false),
    }
}

async fn write_fault(stream: &mut TcpStream, format: Format, fault: Fault, model: &str) -> io::Result<bool> {
    match fault {
        Fault::Status { status, headers, body } => {
            write_whole(stream, status, &headers, &body).await?;
            Ok(true)
        }
        Fault::CutAfterBytes(answer, bytes) => {
            write_stream(stream, &format.events(&answer, model), Ending::CutAfterBytes(bytes)).await
        }
        Fault::EndAfterEvents(answer, count) => {
            let events: Vec<WireEvent> = format.events(&answer, model).into_iter().take(count).collect();
            write_stream(stream, &events, Ending::Orderly).await
        }
        Fault::MalformedEvent(answer, number) => {
            let mut events = format.events(&answer, model);
            if let Some(event) = events.get_mut(number) {
                event.data.truncate(event.data.len() / 2);
            }
            write_stream(stream, &events, Ending::Orderly).await
        }
        Fault::ErrorEvent(answer, count, code) => {
            let mut events: Vec<WireEvent> = format.events(&answer, model).into_iter().take(count).collect();
            events.push(format.error_event(&code, "something went wrong"));
            write_stream(stream, &events, Ending::Orderly).await
        }
        Fault::HangUp => Ok(false),
    }
}

#[derive(Clone, Copy)]
enum Ending {
    Orderly,
    CutAfterBytes(usize),
}

async fn write_stream(stream: &mut TcpStream, events: &[WireEvent], ending: Ending) -> io::Result<bool> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut left = match ending {
        Ending::Orderly => usize::MAX,
        Ending::CutAfterBytes(bytes) => bytes,
    };
    for event in events {
        let bytes = event.bytes();
        let sent = &bytes[..bytes.len().min(left)];
        left -= sent.len();
        if sent.is_empty() {
            return Ok(false);
        }
        stream.write_all(format!("{:x}\r\n", sent.len()).as_bytes()).await?;
        stream.write_all(sent).await?;
        stream.write_all(b"\r\n").await?;
        stream.flush().await?;
    }
    if matches!(ending, Ending::CutAfterBytes(_)) {
        return Ok(false);
    }
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(true)
}

async fn write_whole(stream: &mut TcpStream, status: u16, headers: &[(String, String)], body: &str) -> io::Result<()> {
    let mut head =
        format!("HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").map_err(io::Error::other)?;
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await
}

fn model_list(format: Format) -> Value {
    match format {
        Format::GoogleGenerativeAi => json!({ "models": [
            { "name": "models/fake-model", "supportedGenerationMethods": ["generateContent"] },
            { "name": "models/fake-embedder", "supportedGenerationMethods": ["embedContent"] }] }),
        Format::AnthropicMessages => json!({ "has_more": false, "data": [
            { "type": "model", "id": "fake-model", "display_name": "Fake", "created_at": "2026-01-01T00:00:00Z" }] }),
        Format::OpenAiResponses | Format::OpenAiCompletions => json!({ "object": "list", "data": [
            { "id": "fake-model", "object": "model", "created": 0, "owned_by": "nobody" },
            { "id": "fake-embedding", "object": "model", "created": 0, "owned_by": "nobody" }] }),
    }
}
