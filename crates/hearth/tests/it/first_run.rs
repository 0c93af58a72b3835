//! The first run finds what is there.

use crate::world::{World, wait_for};
use hearth_testkit::fake_provider::{Answer, Part, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_key_in_the_environment_is_enough_for_an_answer() {
    let (world, provider) = World::with_provider(vec![Reply::Answer(Answer::text("Good morning."))]).await;
    let done = world.run(&["agent", "-m", "good morning"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "Good morning.\n"), "{done:?}");
    assert!(world.root().join("workspace/SOUL.md").is_file());
    let sent = provider.requests()[0].body.to_string();
    assert!(sent.contains("good morning"), "{sent}");

    let shown = world.run(&["sessions", "show", "main"]).await;
    assert_eq!(shown.stdout, "you › good morning\n\nGood morning.\n\n");
}

#[tokio::test]
async fn a_tool_call_is_done_and_reported() {
    let call = Answer::default().and(Part::call("c1", "write", r#"{"path":"notes/todo.md","content":"- tea\n"}"#));
    let (world, _provider) =
        World::with_provider(vec![Reply::Answer(call), Reply::Answer(Answer::text("Done."))]).await;
    let done = world.run(&["agent", "--json", "-m", "write tea to notes/todo.md"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    let report = done.json();
    assert_eq!(report["text"], "Done.");
    assert_eq!(report["error"], serde_json::Value::Null);
    assert_eq!(report["toolCalls"][0]["name"], "write");
    assert_eq!(report["toolCalls"][0]["isError"], false);
    let written = std::fs::read_to_string(world.root().join("workspace/notes/todo.md")).unwrap();
    assert_eq!(written, "- tea\n");
}

#[tokio::test]
async fn without_a_terminal_the_page_has_an_address_that_lets_one_browser_in_once() {
    let (world, _provider) = World::with_provider(vec![Reply::Answer(Answer::text("hi"))]).await;
    let port = crate::world::free_port().to_string();
    let mut up = world.start(&["up", "--yes", "--port", &port], "");
    let printed = wait_for(&mut up, "?token=").await;
    let address = printed.split_whitespace().find(|word| word.contains("?token=")).unwrap().to_owned();
    let path = &address[address.rfind('/').unwrap()..];
    assert!(visit(&port, path).await.starts_with("HTTP/1.1 303"), "the first visit signs in");
    assert!(!visit(&port, path).await.starts_with("HTTP/1.1 303"), "the second does not");
    let status = world.run(&["gateway", "status", "--json"]).await.json();
    assert_eq!((&status["running"], &status["ready"]), (&true.into(), &true.into()), "{status}");
    assert_eq!(status["model"], "openai/gpt-6-luna");
    assert!(status["rssBytes"].as_u64().is_some_and(|bytes| bytes > 0), "{status}");
}

#[tokio::test]
async fn settings_are_changed_by_name_and_a_wrong_one_is_refused() {
    let world = World::new();
    assert_eq!(world.run(&["config", "set", "gateway.port", "18801"]).await.code, Some(0));
    assert_eq!(world.run(&["config", "get", "gateway.port"]).await.stdout, "18801\n");
    let refused = world.run(&["config", "set", "gateway.prot", "1"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("did you mean `gateway.port`"), "{refused:?}");
    assert_eq!(world.run(&["config", "unset", "gateway.port"]).await.code, Some(0));
    assert_eq!(world.run(&["config", "get", "gateway.port"]).await.stdout, "18789\n");
}

#[tokio::test]
async fn a_stored_key_is_used_and_never_shown() {
    let (world, provider) = World::with_provider(vec![Reply::Answer(Answer::text("hi"))]).await;
    let mut other = World::new();
    other.set("HEARTH_MODEL", "openai/gpt-6-luna");
    let settings = std::fs::read_to_string(world.root().join("hearth.json5")).unwrap();
    other.write_settings(&settings);
    let stored = other.run_with(&["secrets", "set", "openai"], "sk-stored-42\n").await;
    assert_eq!(stored.code, Some(0), "{stored:?}");
    assert_eq!(other.run(&["secrets", "list"]).await.stdout, "openai\n");
    assert_eq!(other.run(&["agent", "-m", "hi"]).await.stdout, "hi\n");
    assert_eq!(provider.requests()[0].header("authorization"), Some("Bearer sk-stored-42"));
    let doctor = other.run(&["doctor", "--quick"]).await;
    assert!(!format!("{doctor:?}").contains("sk-stored"), "{doctor:?}");
}

/// Asks for a path as a browser without cookies does; returns the answer's head.
async fn visit(port: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
