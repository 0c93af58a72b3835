//! What is sent, and what comes back.

use crate::server::{HOLD, Server, answer, client};
use futures_util::StreamExt as _;
use hearth_http::{Client, Error, Options};
use serde_json::json;

#[tokio::test]
async fn a_body_and_its_headers_arrive_and_the_answer_is_read() {
    let server = Server::start(&[&answer(
        "429 Slow",
        "retry-after: 3\r\ncontent-type: Application/JSON; charset=x\r\n",
        "{\"a\":1}",
    )])
    .await;
    let headers = [("authorization", "Bearer key")];
    let response = client().post_json(&format!("{}/v1", server.url), &headers, &json!({ "q": "ü" })).await.unwrap();
    assert_eq!((response.status(), response.is_success()), (429, false));
    assert_eq!(response.media_type(), "application/json");
    let wait = hearth_http::retry_after(&response, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(wait.map(|wait| wait.as_secs()), Some(3));
    assert_eq!(response.json_capped::<serde_json::Value>(100).await.unwrap(), json!({ "a": 1 }));
    let request = server.requests().remove(0);
    assert!(request.starts_with("post /v1 http/1.1\r\n"), "{request}");
    for part in
        ["authorization: bearer key\r\n", "content-type: application/json\r\n", "user-agent: hearth/", "{\"q\":\"ü\"}"]
    {
        assert!(request.contains(part), "{part} in {request}");
    }
}

#[tokio::test]
async fn a_unix_socket_is_reached_whatever_the_host_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let server = Server::start_at_socket(&path, &answer("200 OK", "", "hi"));
    let client = Client::unix_socket(Options::default(), &path).unwrap();
    let response = client.get("http://localhost/health", &[]).await.unwrap();
    assert_eq!(response.text_capped(10).await.unwrap(), "hi");
    assert!(server.requests()[0].starts_with("get /health "));
}

#[tokio::test]
async fn redirects_keep_keys_only_on_the_same_host() {
    let target = Server::start(&[&answer("200 OK", "", "there")]).await;
    let away = answer("307 Moved", &format!("location: {}/x\r\n", target.url), "");
    let here = answer("302 Found", "location: /next\r\n", "");
    let server = Server::start(&[&here, &away]).await;
    let response = client().get(&server.url, &[("x-api-key", "k-1")]).await.unwrap();
    assert_eq!(response.text_capped(10).await.unwrap(), "there");
    assert!(server.requests().iter().all(|request| request.contains("x-api-key: k-1")));
    assert!(!target.requests()[0].contains("k-1"));
}

#[tokio::test]
async fn a_post_is_not_redirected() {
    let server = Server::start(&[&answer("307 Moved", "location: /next\r\n", "")]).await;
    let response = client().post_json(&server.url, &[], &json!({})).await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn events_come_as_they_are_sent_and_an_error_ends_them() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: a\r\ndata: one\r\n\r\n: ping\n\ndata: two\n\ndata: cut";
    let server = Server::start(&[stream]).await;
    let events = client().get(&server.url, &[]).await.unwrap().events(1_000);
    let events: Vec<String> = events
        .map(|event| event.map_or_else(|error| error.to_string(), |event| format!("{}:{}", event.event, event.data)))
        .collect()
        .await;
    assert_eq!(events, ["a:one", "message:two"]);

    let server = Server::start(&[&format!("{stream}{HOLD}")]).await;
    let events = client().get(&server.url, &[]).await.unwrap().events(1_000);
    let events: Vec<Result<String, Error>> = events.map(|event| event.map(|event| event.data)).collect().await;
    assert!(matches!(events.as_slice(), [Ok(_), Ok(_), Err(Error::Timeout { .. })]), "{events:?}");

    let server = Server::start(&[stream]).await;
    let events = client().get(&server.url, &[]).await.unwrap().events(8);
    let last = events.collect::<Vec<_>>().await.pop();
    assert!(matches!(last, Some(Err(Error::TooLarge { limit_bytes: 8, .. }))), "{last:?}");
}

#[tokio::test]
async fn headers_that_can_not_be_sent_are_named() {
    let error = client().get("http://127.0.0.1:1/", &[("x-api-key", "a\nb")]).await.unwrap_err();
    assert_eq!(error.to_string(), "header `x-api-key` can't be sent: it has characters that headers can't carry");
}
