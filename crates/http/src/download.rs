//! A body that can be taken up again at a byte.

use crate::client::Client;
use crate::error::Error;
use crate::response::Response;
use bytes::Bytes;

/// Where a download goes on.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// How many bytes are already there; zero starts anew.
    pub from_byte: u64,
    /// The version these bytes are of ([`Download::version`] of the first try). The server starts anew when it has
    /// another one by now.
    pub version: Option<String>,
}

/// A running download.
#[derive(Debug)]
pub struct Download {
    response: Option<Response>,
    start: u64,
    total: Option<u64>,
    version: Option<String>,
}

impl Client {
    /// Fetches a body from a byte on, following redirects.
    ///
    /// Dropping the download cancels it. Checksums are the caller's matter.
    ///
    /// # Errors
    /// As [`Client::get`], and [`Error::Status`] for any answer but 200, 206, or a 416 that means "you have it all".
    pub async fn download(&self, url: &str, resume: &Resume) -> Result<Download, Error> {
        let range = format!("bytes={}-", resume.from_byte);
        let mut headers = vec![("accept-encoding", "identity")];
        if resume.from_byte > 0 {
            headers.push(("range", range.as_str()));
            // `If-Range` takes strong validators only.
            let version = resume.version.as_deref().filter(|version| !version.starts_with("W/"));
            headers.extend(version.map(|version| ("if-range", version)));
        }
        let response = self.get_following(url, &[], &headers).await?;
        let version = response.header("etag").map(str::to_owned);
        match response.status() {
            206 => {
                let (start, total) = response.header("content-range").map_or((None, None), content_range);
                let start = start.unwrap_or(resume.from_byte);
                if start != resume.from_byte {
                    return Err(Error::Status { host: response.host().to_owned(), status: 206 });
                }
                Ok(Download { response: Some(response), start, total, version })
            }
            416 if resume.from_byte > 0 => {
                let total = response.header("content-range").and_then(|value| content_range(value).1);
                if total == Some(resume.from_byte) {
                    return Ok(Download { response: None, start: resume.from_byte, total, version });
                }
                Err(Error::Status { host: response.host().to_owned(), status: 416 })
            }
            200 => {
                let total = response.content_length();
                Ok(Download { response: Some(response), start: 0, total, version })
            }
            status => Err(Error::Status { host: response.host().to_owned(), status }),
        }
    }
}

impl Download {
    /// Returns the byte the first chunk belongs at: zero when the server starts anew, and what was there is void.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Returns the whole file's size in bytes, if the server tells.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Returns the server's name for this version of the file (its `ETag`), to resume with.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the next piece, `None` at the end. An end before the announced length is an error.
    ///
    /// # Errors
    /// The connection broke, or nothing came within the idle limit; resume with what has arrived.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match &mut self.response {
            Some(response) => response.next_chunk().await,
            None => Ok(None),
        }
    }
}

/// Reads `bytes 5-9/10` into (5, 10) and `bytes */10` into (none, 10).
fn content_range(value: &str) -> (Option<u64>, Option<u64>) {
    let Some((range, total)) = value.trim().strip_prefix("bytes ").and_then(|rest| rest.split_once('/')) else {
        return (None, None);
    };
    let start = range.split_once('-').and_then(|(start, _end)| start.trim().parse().ok());
    (start, total.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::content_range;

    #[test]
    fn content_ranges_are_read() {
        assert_eq!(content_range("bytes 5-9/10"), (Some(5), Some(10)));
        assert_eq!(content_range("bytes */10"), (None, Some(10)));
        assert_eq!(content_range("bytes 5-9/*"), (Some(5), None));
        assert_eq!(content_range("lines 1-2/3"), (None, None));
    }
}
