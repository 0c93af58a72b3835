//! Host, Origin, one-time links and cookies.

use crate::world::{Client, TOKEN, World, connect, header};
use serde_json::{Value, json};

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn only_our_own_names_and_pages_get_in() {
    let world = World::new(Vec::new()).await;
    let port = world.address.port();
    for (host, expected) in [
        ("HOST".to_owned(), "200"),
        (format!("localhost:{port}"), "200"),
        (format!("[::1]:{port}"), "200"),
        (format!("evil.example:{port}"), "421"),
        ("127.0.0.1".to_owned(), "421"),
    ] {
        let answer = world.http(&format!("GET /healthz HTTP/1.1\nHost: {host}")).await;
        assert_eq!(status(&answer), expected, "{host}");
    }
    let own = format!("http://localhost:{port}");
    for (origin, refused) in [(own.as_str(), None), ("http://evil.example", Some(403)), ("null", Some(403))] {
        let opened = Client::open_with(world.address, &[("origin", origin)]).await;
        assert_eq!(opened.err(), refused, "{origin}");
    }
    let posted = world
        .http(&format!("POST /hearth/one-time HTTP/1.1\nHost: HOST\nOrigin: http://evil.example\nAuthorization: Bearer {TOKEN}\nContent-Length: 0"))
        .await;
    assert_eq!(status(&posted), "403");
}

#[tokio::test]
async fn a_link_signs_one_browser_in_once() {
    let world = World::new(Vec::new()).await;
    let refused =
        world.http("POST /hearth/one-time HTTP/1.1\nHost: HOST\nAuthorization: Bearer wrong\nContent-Length: 0").await;
    assert_eq!(status(&refused), "401");
    let issued = world
        .http(&format!("POST /hearth/one-time HTTP/1.1\nHost: HOST\nAuthorization: Bearer {TOKEN}\nContent-Length: 0"))
        .await;
    let body: Value = serde_json::from_str(issued.split("\r\n\r\n").nth(1).unwrap_or_default()).expect("JSON");
    assert_eq!(body["expiresInSeconds"], 300);
    let link = format!("GET /?token={} HTTP/1.1\nHost: HOST", body["token"].as_str().unwrap_or_default());
    let first = world.http(&link).await;
    assert_eq!((status(&first), header(&first, "location")), ("303", "/"));
    let cookie = header(&first, "set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict; Path=/"), "{cookie}");
    assert_eq!(status(&world.http(&link).await), "401", "the second use");
    let pair = cookie.split(';').next().unwrap_or_default();
    let page = world.http(&format!("GET / HTTP/1.1\nHost: HOST\nCookie: {pair}")).await;
    assert_eq!(status(&page), "200");
    assert_eq!(status(&world.http("GET / HTTP/1.1\nHost: HOST\nCookie: hearth=nonsense").await), "401");
}

#[tokio::test]
async fn a_signed_in_page_needs_no_token_and_no_other_page_has_its_cookie() {
    let world = World::new(Vec::new()).await;
    let cookie = world.cookie().await;
    let own = format!("http://{}", world.address);
    let mut page = Client::open_with(world.address, &[("origin", &own), ("cookie", &cookie)]).await.expect("let in");
    let answer = page.request("connect", connect(&json!({"auth": {}}))).await;
    assert_eq!(answer["payload"]["type"], "hello-ok");
    let mut stranger = Client::open_with(world.address, &[("origin", &own)]).await.expect("let in");
    let answer = stranger.request("connect", connect(&json!({"auth": {}}))).await;
    assert_eq!(answer["error"]["details"]["code"], "AUTH_TOKEN_MISSING");
    let foreign = Client::open_with(world.address, &[("origin", "http://evil.example"), ("cookie", &cookie)]).await;
    assert_eq!(foreign.err(), Some(403));
}
