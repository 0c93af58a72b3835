//! Behaviour at the socket: whole answers, streams, constrained calls, cancellation, errors, kept prefixes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_infer::{Quirks, ServeError, ServeOptions, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::tiny::llama;

const LIMIT: Duration = Duration::from_secs(60);

struct Server {
    socket: PathBuf,
    cancel: CancellationToken,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    fn start(folder: &Path, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let mut options = ServeOptions::new(llama().write(folder), "tiny".to_owned());
        let socket = folder.join("s");
        options.socket = Some(socket.clone());
        options.threads = Some(1);
        options.quirks = Quirks { examples: false, ..Quirks::default() };
        change(&mut options);
        let cancel = CancellationToken::new();
        let task = tokio::spawn(serve(options, cancel.clone()));
        Self { socket, cancel, task }
    }

    async fn connect(&self) -> UnixStream {
        let connecting = async {
            loop {
                match UnixStream::connect(&self.socket).await {
                    Ok(stream) => return stream,
                    Err(_not_yet) => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(LIMIT, connecting).await.expect("the server must listen")
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> UnixStream {
        let mut stream = self.connect().await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// Status and body.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = self.send(method, path, body).await;
        let mut bytes = Vec::new();
        tokio::time::timeout(LIMIT, stream.read_to_end(&mut bytes)).await.expect("an answer in time").unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    async fn chat(&self, request: &Value) -> Value {
        let (status, body) = self.ask("POST", "/v1/chat/completions", &request.to_string()).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn stop(self) {
        self.cancel.cancel();
        tokio::time::timeout(LIMIT, self.task).await.expect("an end in time").unwrap().unwrap();
    }
}

fn question(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}], "max_tokens": 12, "temperature": 0})
}

fn tools() -> Value {
    json!([
        {"type": "function", "function": {"name": "bash", "description": "Runs a command.", "parameters": {
            "type": "object", "required": ["command"], "properties": {"command": {"type": "string", "maxLength": 9}}}}},
        {"type": "function", "function": {"name": "now", "description": "Tells the time."}},
    ])
}

#[tokio::test]
async fn the_same_question_gets_the_same_answer_and_usage() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), |_| {});
    let first = server.chat(&question("hello bas")).await;
    let second = server.chat(&question("hello bas")).await;
    assert_eq!(first["choices"], second["choices"]);
    // <|im_start|> user \n h e l l o ␣ bas <|im_end|> \n <|im_start|> assistant \n
    assert_eq!(first["usage"]["prompt_tokens"], 1 + 4 + 1 + 6 + 1 + 2 + 1 + 9 + 1);
    assert_eq!(first["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    let kept = &second["usage"]["prompt_tokens_details"]["cached_tokens"];
    assert_eq!(kept, &json!(25), "all but the last token is kept");
    let (status, models) = server.ask("GET", "/v1/models", "").await;
    let models: Value = serde_json::from_str(&models).unwrap();
    assert_eq!(
        (status, &models["data"][0]["id"], &models["data"][0]["context_length"]),
        (200, &json!("tiny"), &json!(4096))
    );
    server.stop().await;
    assert!(!folder.path().join("s").exists(), "the socket is removed");
}

#[tokio::test]
async fn what_a_person_writes_never_becomes_a_control_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), |_| {});
    let plain = server.chat(&question("")).await["usage"]["prompt_tokens"].as_u64().unwrap();
    let text = "<|im_end|>";
    let spelled = server.chat(&question(text)).await["usage"]["prompt_tokens"].as_u64().unwrap();
    assert_eq!(spelled - plain, text.len() as u64, "each letter is a token of its own");
    server.stop().await;
}

#[tokio::test]
async fn kept_prefixes_change_nothing_but_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let system = "be kind ".repeat(60);
    let ask = |text: &str| {
        json!({"max_tokens": 8, "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": text}]})
    };
    let cache = folder.path().join("prefixes");
    let fresh = Server::start(folder.path(), |_| {});
    let expect = fresh.chat(&ask("two")).await;
    fresh.stop().await;
    for (start, kept) in [(0, 0), (1, 483)] {
        let server = Server::start(folder.path(), |options| options.prefix_cache_dir = Some(cache.clone()));
        let first = server.chat(&ask("one")).await;
        let found = first["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
        assert!(found >= kept, "start {start}: {found} tokens came from the file");
        let second = server.chat(&ask("two")).await;
        assert_eq!(second["choices"], expect["choices"], "start {start}");
        server.stop().await;
    }
    let file = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let server = Server::start(folder.path(), |options| options.prefix_cache_dir = Some(cache.clone()));
    let answer = server.chat(&ask("two")).await;
    assert_eq!(answer["choices"], expect["choices"], "a damaged file is not used");
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    server.stop().await;
}

#[tokio::test]
async fn streams_tell_reading_text_usage_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), |_| {});
    let whole = server.chat(&question("abc")).await;
    let mut request = question("abc");
    request["stream"] = json!(true);
    request["stream_options"] = json!({"include_usage": true});
    let (status, body) = server.ask("POST", "/v1/chat/completions", &request.to_string()).await;
    assert_eq!(status, 200);
    let events: Vec<Value> = body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect();
    assert!(events[0]["hearth"]["reading"]["total"].as_u64().is_some_and(|total| total > 10), "{body}");
    let text: String = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(json!(text), whole["choices"][0]["message"]["content"]);
    assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
    assert!(body.contains("data: [DONE]"), "{body}");
    server.stop().await;
}

#[tokio::test]
async fn even_a_random_model_keeps_to_the_tools_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), |_| {});
    for seed in 0..6 {
        let request = json!({"messages": [{"role": "user", "content": "go"}], "tools": tools(), "tool_choice": "required",
            "temperature": 1.5, "top_k": 0, "top_p": 1, "seed": seed, "max_tokens": 200});
        let answer = server.chat(&request).await;
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{answer}");
        let function = &choice["message"]["tool_calls"][0]["function"];
        let arguments: Value = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
        match function["name"].as_str().unwrap() {
            "bash" => assert!(arguments["command"].as_str().unwrap().chars().count() <= 9, "{arguments}"),
            name => assert_eq!(name, "now"),
        }
    }
    let named = json!({"messages": [{"role": "user", "content": "go"}], "tools": tools(),
        "tool_choice": {"type": "function", "function": {"name": "now"}}});
    assert_eq!(server.chat(&named).await["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "now");
    let none = json!({"messages": [{"role": "user", "content": "go"}], "tools": tools(), "tool_choice": "none", "max_tokens": 9});
    let none = server.chat(&none).await;
    assert!(none["choices"][0]["message"]["content"].is_string(), "{none}");
    let format = json!({"messages": [{"role": "user", "content": "go"}], "response_format": {"type": "json_schema",
        "json_schema": {"schema": {"type": "object", "required": ["a"], "properties": {"a": {"enum": [1, 2]}}}}}});
    let content = server.chat(&format).await["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert!([r#"{"a": 1}"#, r#"{"a": 2}"#].contains(&content.as_str()), "{content}");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), |_| {});
    let mut endless = question("abc");
    endless["stream"] = json!(true);
    endless["max_tokens"] = json!(3900);
    endless["temperature"] = json!(2.0);
    let mut leaving = server.send("POST", "/v1/chat/completions", &endless.to_string()).await;
    let mut first = [0; 64];
    leaving.read_exact(&mut first).await.unwrap();
    drop(leaving);
    let answer = server.chat(&question("next")).await;
    assert_eq!(answer["object"], "chat.completion");
    server.stop().await;
}

#[tokio::test]
async fn mistakes_get_openai_shaped_errors() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), |options| options.context_tokens = Some(64));
    for (body, status, expect) in [
        ("{", 400, "EOF"),
        (r#"{"messages": []}"#, 400, "messages is empty"),
        (r#"{"messages": [{"role": "king", "content": "x"}]}"#, 400, "messages[0].role is `king`"),
        (r#"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#, 400, "type `image_url`"),
        (r#"{"messages": [{"role": "user", "content": "x"}], "temperature": 9}"#, 400, "temperature is 9"),
        (r#"{"messages": [{"role": "user", "content": "x"}], "tool_choice": "required"}"#, 400, "there are no tools"),
    ] {
        let (found, answer) = server.ask("POST", "/v1/chat/completions", body).await;
        assert_eq!(found, status, "{body}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["error"]["type"], "invalid_request_error");
        assert!(answer["error"]["message"].as_str().unwrap().contains(expect), "{answer}");
    }
    let mut long = question(&"x".repeat(100));
    long["stream"] = json!(true);
    let (status, answer) = server.ask("POST", "/v1/chat/completions", &long.to_string()).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("context_length_exceeded")));
    assert_eq!(server.ask("GET", "/v1/chat/completions", "").await.0, 405);
    assert_eq!(server.ask("GET", "/nothing", "").await.0, 404);
    server.stop().await;
}

#[tokio::test]
async fn an_idle_server_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), |options| options.idle = Some(Duration::from_millis(300)));
    tokio::time::timeout(LIMIT, server.task).await.expect("an end in time").unwrap().unwrap();
}

#[tokio::test]
async fn what_cannot_be_served_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.gguf");
    std::fs::write(&broken, b"GGUF").unwrap();
    let mut options = ServeOptions::new(broken, "x".to_owned());
    let error = serve(options.clone(), CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ServeError::Nowhere), "{error}");
    options.tcp = Some("8.8.8.8:80".parse().unwrap());
    let error = serve(options.clone(), CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ServeError::NotLoopback(_)), "{error}");
    options.tcp = Some("127.0.0.1:0".parse().unwrap());
    let error = serve(options, CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("is damaged at byte 4"), "{error}");
}
