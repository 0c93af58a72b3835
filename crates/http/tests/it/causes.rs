//! Each way to fail has its own variant and sentence.

use crate::server::{Server, answer, client};
use hearth_core::error::ErrorKind;
use hearth_http::Error;

async fn failure(url: &str) -> Error {
    match client().get(url, &[]).await {
        Ok(response) => response.bytes_capped(1_000).await.unwrap_err(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn connections_that_can_not_be_made() {
    let refused = failure("http://127.0.0.1:1/x?key=secret").await;
    assert_eq!(refused.to_string(), "127.0.0.1:1 refused the connection: nothing listens there");
    assert_eq!(refused.kind(), ErrorKind::Remote);
    let unknown = failure("http://no-such-host.invalid/").await;
    assert!(matches!(&unknown, Error::Dns { host } if host == "no-such-host.invalid"), "{unknown:?}");
    assert_eq!(unknown.kind(), ErrorKind::NoNetwork);
    let socket = client().at_socket("/nonexistent/socket").unwrap();
    let missing = socket.get("http://localhost/", &[]).await.unwrap_err();
    assert!(matches!(&missing, Error::Refused { host } if host == "/nonexistent/socket"), "{missing:?}");
    let address = failure("ftp://host/").await;
    assert_eq!(address.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_server_without_encryption_is_no_tls_server() {
    let server = Server::start(&["this is not TLS at all, whatever you said"]).await;
    let error = failure(&server.url.replace("http://", "https://")).await;
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn answers_that_do_not_come_or_do_not_go_on() {
    let silent = Server::start(&["HOLD"]).await;
    let error = failure(&silent.url).await;
    assert!(matches!(error, Error::Timeout { awaited: "start to answer", .. }), "{error:?}");
    let stalled = Server::start(&["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabcHOLD"]).await;
    let error = failure(&stalled.url).await;
    assert!(matches!(error, Error::Timeout { awaited: "go on with the answer", .. }), "{error:?}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn answers_that_break_off() {
    let closed = Server::start(&[""]).await;
    let error = failure(&closed.url).await;
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    for broken in ["content-length: 10\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let server = Server::start(&[&format!("HTTP/1.1 200 OK\r\n{broken}")]).await;
        let error = failure(&server.url).await;
        assert!(matches!(error, Error::Reset { received_bytes: 3, .. }), "{broken}: {error:?}");
    }
}

#[tokio::test]
async fn answers_that_are_too_large_or_not_json() {
    let large = Server::start(&[&answer("200 OK", "", &"x".repeat(2_000))]).await;
    assert!(matches!(failure(&large.url).await, Error::TooLarge { limit_bytes: 1_000, .. }));
    let text = Server::start(&[&answer("200 OK", "", "hello")]).await;
    let response = client().get(&text.url, &[]).await.unwrap();
    let error = response.json_capped::<Vec<u8>>(1_000).await.unwrap_err();
    assert!(matches!(error, Error::Json { .. }), "{error:?}");
}

#[tokio::test]
async fn redirects_that_are_not_followed() {
    let endless = answer("302 Found", "location: HERE/again\r\n", "");
    let server = Server::start(&[endless.as_str(); 6]).await;
    let error = failure(&server.url).await;
    assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 6);
    let nowhere = Server::start(&[&answer("302 Found", "", "")]).await;
    assert!(matches!(failure(&nowhere.url).await, Error::Redirect { .. }));
}
