//! A server that answers each connection's request with the next bytes of a script.

use hearth_http::{Client, Options};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;

/// A running server; it ends when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Server {
    /// Answers the n-th connection with the n-th text, then closes it; `HOLD` at its end keeps it open.
    pub(crate) async fn start(script: &[&str]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script: Vec<String> = script.iter().map(|answer| answer.replace("HERE", &url)).collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        let seen = Arc::clone(&requests);
        task.spawn(async move {
            let mut held = Vec::new();
            for answer in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                exchange(&mut stream, &answer, &seen).await;
                held.extend(answer.ends_with(HOLD).then_some(stream));
            }
            std::future::pending::<()>().await;
        });
        Self { url, requests, _task: task }
    }

    /// The same on a Unix socket.
    pub(crate) fn start_at_socket(path: &std::path::Path, answer: &str) -> Self {
        let listener = tokio::net::UnixListener::bind(path).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        let (seen, answer) = (Arc::clone(&requests), answer.to_owned());
        task.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            exchange(&mut stream, &answer, &seen).await;
        });
        Self { url: "http://localhost".to_owned(), requests, _task: task }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Ends an answer after which the connection stays open, silent.
pub(crate) const HOLD: &str = "HOLD";

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, answer: &str, seen: &Mutex<Vec<String>>) {
    let mut request = vec![0; 16_384];
    let length = stream.read(&mut request).await.unwrap();
    seen.lock().unwrap().push(String::from_utf8_lossy(&request[..length]).to_ascii_lowercase());
    stream.write_all(answer.trim_end_matches(HOLD).as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// A client that loses its patience quickly.
pub(crate) fn client() -> Client {
    let (connect_timeout, idle_timeout) = (Duration::from_millis(300), Duration::from_millis(200));
    Client::new(Options { connect_timeout, idle_timeout, ..Options::default() }).unwrap()
}

/// A whole answer of this status.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}
