//! What came back, always read under a size cap and an idle limit.

use crate::cause::Peer;
use crate::error::Error;
use crate::sse::{SseEvent, SseParser};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;

/// A response whose head has arrived; the body is read by one of the consuming methods.
#[derive(Debug)]
pub struct Response {
    inner: reqwest::Response,
    peer: Peer,
    received_bytes: u64,
}

/// The events of a response, in order; ends after the first error.
pub type EventStream = BoxStream<'static, Result<SseEvent, Error>>;

impl Response {
    pub(crate) fn new(inner: reqwest::Response, peer: Peer) -> Self {
        Self { inner, peer, received_bytes: 0 }
    }

    /// Returns the status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// True for the statuses 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.inner.status().is_success()
    }

    /// Returns a header's value; `None` when it is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the media type without its parameters, in lower case; empty when missing.
    #[must_use]
    pub fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Returns the body's announced length in bytes.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.inner.content_length()
    }

    /// Returns the host and port (or socket) that answered, for messages.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.peer.host
    }

    /// Returns an error for any status that is no success.
    ///
    /// # Errors
    /// [`Error::Status`].
    pub fn success(self) -> Result<Self, Error> {
        if self.is_success() {
            return Ok(self);
        }
        Err(Error::Status { host: self.peer.host.clone(), status: self.status() })
    }

    /// Returns the next piece of the body, `None` at its end.
    ///
    /// # Errors
    /// The connection broke, or nothing came within the idle limit.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = match tokio::time::timeout(self.peer.idle_timeout, self.inner.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => return Err(self.peer.receiving(&error, self.received_bytes)),
            Err(_elapsed) => return Err(self.peer.stalled()),
        };
        self.received_bytes += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Ok(chunk)
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// It has more than `max_bytes`, the connection broke, or nothing came within the idle limit.
    pub async fn bytes_capped(mut self, max_bytes: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.next_chunk().await? {
            if body.len() + chunk.len() > max_bytes {
                return Err(Error::TooLarge { host: self.peer.host, limit_bytes: max_bytes });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Reads the whole body as text; bytes that are no UTF-8 become replacement characters.
    ///
    /// # Errors
    /// As [`Self::bytes_capped`].
    pub async fn text_capped(self, max_bytes: usize) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.bytes_capped(max_bytes).await?).into_owned())
    }

    /// Reads the whole body as JSON.
    ///
    /// # Errors
    /// As [`Self::bytes_capped`], and [`Error::Json`] when it is not the expected JSON.
    pub async fn json_capped<T: DeserializeOwned>(self, max_bytes: usize) -> Result<T, Error> {
        let host = self.peer.host.clone();
        let body = self.bytes_capped(max_bytes).await?;
        serde_json::from_slice(&body).map_err(|source| Error::Json { host, source })
    }

    /// Returns the body piece by piece; ends after the first error.
    pub fn bytes_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        stream::unfold(Some(self), |state| async move {
            let mut response = state?;
            match response.next_chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(response))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Returns the body as an event stream. An event that the end of the body cuts off is not reported.
    ///
    /// `max_event_bytes` bounds what one event may hold in memory.
    #[must_use]
    pub fn events(self, max_event_bytes: usize) -> EventStream {
        let reader =
            EventReader { parser: SseParser::new(max_event_bytes), ready: VecDeque::new(), response: Some(self) };
        stream::unfold(reader, |mut reader| async move {
            let event = reader.next().await?;
            Some((event, reader))
        })
        .boxed()
    }
}

struct EventReader {
    parser: SseParser,
    ready: VecDeque<SseEvent>,
    /// Gone after the end or the first error.
    response: Option<Response>,
}

impl EventReader {
    async fn next(&mut self) -> Option<Result<SseEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            let response = self.response.as_mut()?;
            let read = response.next_chunk().await;
            if let Err(error) = self.take(read) {
                self.response = None;
                return Some(Err(error));
            }
        }
    }

    fn take(&mut self, read: Result<Option<Bytes>, Error>) -> Result<(), Error> {
        let Some(chunk) = read? else {
            self.response = None;
            return Ok(());
        };
        if self.parser.push(&chunk, &mut self.ready) {
            return Ok(());
        }
        let host = self.response.as_ref().map_or_else(String::new, |response| response.peer.host.clone());
        Err(Error::TooLarge { host, limit_bytes: self.parser.max_event_bytes() })
    }
}
