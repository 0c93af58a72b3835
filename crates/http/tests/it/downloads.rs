//! Downloads that are taken up again.

use crate::server::{Server, answer, client};
use hearth_http::{Download, Error, Resume};

async fn read(mut download: Download) -> Result<String, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = download.next_chunk().await? {
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn resume(from_byte: u64) -> Resume {
    Resume { from_byte, version: Some("\"v1\"".to_owned()) }
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_stopped() {
    let broken = "HTTP/1.1 200 OK\r\netag: \"v1\"\r\ncontent-length: 6\r\n\r\nabc";
    let rest = answer("206 Partial", "content-range: bytes 3-5/6\r\netag: \"v1\"\r\n", "def");
    let server = Server::start(&[broken, &rest]).await;
    let first = client().download(&server.url, &Resume::default()).await.unwrap();
    assert_eq!((first.start(), first.total(), first.version()), (0, Some(6), Some("\"v1\"")));
    assert!(matches!(read(first).await, Err(Error::Reset { received_bytes: 3, .. })));
    let second = client().download(&server.url, &resume(3)).await.unwrap();
    assert_eq!((second.start(), second.total()), (3, Some(6)));
    assert_eq!(read(second).await.unwrap(), "def");
    let requests = server.requests();
    assert!(!requests[0].contains("range:"), "{}", requests[0]);
    assert!(
        requests[1].contains("range: bytes=3-\r\n") && requests[1].contains("if-range: \"v1\"\r\n"),
        "{}",
        requests[1]
    );
}

#[tokio::test]
async fn a_server_with_another_version_starts_anew_and_a_complete_file_needs_nothing() {
    let whole = answer("200 OK", "etag: \"v2\"\r\n", "xyz");
    let complete = answer("416 Range", "content-range: bytes */3\r\n", "");
    let server = Server::start(&[&whole, &complete]).await;
    let anew = client().download(&server.url, &resume(2)).await.unwrap();
    assert_eq!((anew.start(), anew.version()), (0, Some("\"v2\"")));
    assert_eq!(read(anew).await.unwrap(), "xyz");
    let nothing = client().download(&server.url, &resume(3)).await.unwrap();
    assert_eq!((nothing.start(), nothing.total()), (3, Some(3)));
    assert_eq!(read(nothing).await.unwrap(), "");
}

#[tokio::test]
async fn the_range_is_asked_for_at_the_redirects_target_too() {
    let rest = answer("206 Partial", "content-range: bytes 3-5/6\r\n", "def");
    let target = Server::start(&[&rest]).await;
    let moved = answer("302 Found", &format!("location: {}/blob\r\n", target.url), "");
    let server = Server::start(&[&moved]).await;
    let download = client().download(&server.url, &resume(3)).await.unwrap();
    assert_eq!(read(download).await.unwrap(), "def");
    assert!(target.requests()[0].contains("range: bytes=3-"));
}

#[tokio::test]
async fn wrong_ranges_and_refusals_are_errors() {
    let elsewhere = answer("206 Partial", "content-range: bytes 0-5/6\r\n", "abcdef");
    let gone = answer("404 Gone", "", "");
    let server = Server::start(&[&elsewhere, &gone]).await;
    for status in [206, 404] {
        let error = client().download(&server.url, &resume(3)).await.unwrap_err();
        assert!(matches!(error, Error::Status { status: own, .. } if own == status), "{error:?}");
    }
}
