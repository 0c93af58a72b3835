//! The page as a browser gets it.

use crate::world::{World, header};

#[tokio::test]
async fn everything_is_served_with_a_strict_policy() {
    let world = World::new(Vec::new()).await;
    let cookie = world.cookie().await;
    let page = world.http(&format!("GET / HTTP/1.1\nHost: HOST\nCookie: {cookie}")).await;
    let mut paths = vec!["/".to_owned(), "/healthz".to_owned(), "/readyz".to_owned(), "/nothing-here".to_owned()];
    paths.extend(page.split('"').filter(|text| text.starts_with("/assets/")).map(str::to_owned));
    assert!(paths.len() >= 9, "{paths:?}");
    for path in paths {
        let answer = world.http(&format!("GET {path} HTTP/1.1\nHost: HOST\nCookie: {cookie}")).await;
        let expected = if path == "/nothing-here" { "HTTP/1.1 404" } else { "HTTP/1.1 200" };
        assert!(answer.starts_with(expected), "{path}: {answer}");
        let policy = header(&answer, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&answer, "referrer-policy"), "no-referrer", "{path}");
    }
}

#[tokio::test]
async fn the_page_keeps_to_its_own_policy() {
    let world = World::new(Vec::new()).await;
    let cookie = world.cookie().await;
    for (path, cookie) in [("/", cookie.as_str()), ("/", "none=1"), ("/?token=nonsense", "none=1")] {
        let page = world.http(&format!("GET {path} HTTP/1.1\nHost: HOST\nCookie: {cookie}")).await;
        let forbidden = [" style=", "<style", " onclick", " onload", "javascript:", "http://", "https://"];
        let found: Vec<_> = forbidden.iter().filter(|text| page.contains(**text)).collect();
        assert!(found.is_empty(), "{path} has {found:?}");
        let inline: Vec<_> =
            page.split("<script").skip(1).filter(|script| !script.starts_with(" src=\"/assets/")).collect();
        assert!(inline.is_empty(), "{path} has {inline:?}");
    }
}

#[tokio::test]
async fn assets_are_asked_for_again_but_not_sent_again() {
    let world = World::new(Vec::new()).await;
    let first = world.http("GET /assets/tokens.css HTTP/1.1\nHost: HOST").await;
    assert!(first.contains("--ember: light-dark("));
    let tag = header(&first, "etag");
    let again = world.http(&format!("GET /assets/tokens.css HTTP/1.1\nHost: HOST\nIf-None-Match: {tag}")).await;
    assert!(again.starts_with("HTTP/1.1 304"), "{again}");
}
