//! What goes wrong says so in one line, with its own exit code.

use crate::world::World;
use hearth_testkit::fake_provider::{Answer, Fault, Reply};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn mistakes_in_the_settings_are_named_with_line_and_column_and_nothing_stops() {
    let (world, provider) = World::with_provider(vec![Reply::Answer(Answer::text("fine"))]).await;
    world.write_settings(&format!(
        "{{\n  gatway: {{ port: 1 }},\n  agents: {{ defaults: {{ maxSteps: 'many' }} }},\n  \
         models: {{ providers: {{ openai: {{ baseUrl: '{}' }} }} }},\n}}\n",
        provider.base_url()
    ));
    let done = world.run(&["agent", "-m", "hi"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "fine\n"), "{done:?}");
    assert!(done.stderr.contains("hearth.json5:2:3"), "{}", done.stderr);
    assert!(done.stderr.contains("`gateway`"), "the nearest name is missing: {}", done.stderr);
    assert!(done.stderr.contains("hearth.json5:3:"), "{}", done.stderr);
    let _gateway = world.gateway().await;
    assert_eq!(world.run(&["config", "validate"]).await.code, Some(2));
    assert_eq!(world.run(&["doctor", "--quick"]).await.code, Some(2));
}

#[tokio::test]
async fn a_port_that_is_taken_is_exit_10_with_a_way_out() {
    let (world, _provider) = World::with_provider(Vec::new()).await;
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let done = world.run(&["gateway", "run", "--port", &port]).await;
    assert_eq!(done.code, Some(10), "{done:?}");
    assert!(
        done.stderr.starts_with(&format!("error: port {port} on 127.0.0.1 is held by another program\n")),
        "{done:?}"
    );
    assert!(done.stderr.contains("hint: hearth config set gateway.port"), "{done:?}");
}

#[tokio::test]
async fn a_refused_key_is_exit_14_here_and_through_the_gateway() {
    let refuse = Reply::Fault(Fault::status(401, "invalid_api_key", "incorrect key"));
    let (world, _provider) = World::with_provider(vec![refuse]).await;
    let done = world.run(&["agent", "-m", "hi"]).await;
    assert_eq!(done.code, Some(14), "{done:?}");
    assert!(done.stderr.contains("openai") && done.stderr.contains("401"), "{done:?}");
    assert!(done.stderr.contains("hint: hearth secrets set openai"), "{done:?}");
    let stored = world.run_with(&["secrets", "set", "openai"], "sk-new").await;
    assert_eq!(stored.code, Some(0), "{stored:?}");
    assert!(stored.stderr.contains("OPENAI_API_KEY is set"), "the old key stays in force unseen: {stored:?}");
    assert!(stored.stderr.contains("hint: unset OPENAI_API_KEY"), "{stored:?}");
    let _gateway = world.gateway().await;
    let done = world.run(&["agent", "--json", "-m", "hi"]).await;
    assert_eq!(done.code, Some(14), "{done:?}");
    assert_eq!(done.json()["error"]["kind"], "provider-auth");
}

#[tokio::test]
async fn a_configured_provider_without_key_says_where_and_what_to_type() {
    let world = World::new();
    world.write_settings("{\n  agents: { defaults: { model: 'anthropic/claude-sonnet-5-5' } },\n}\n");
    let done = world.run(&["agent", "-m", "hi"]).await;
    assert_eq!(done.code, Some(14), "{done:?}");
    assert!(done.stderr.contains("ANTHROPIC_API_KEY"), "{done:?}");
    assert!(done.stderr.contains("hint: hearth secrets set anthropic"), "{done:?}");
}

#[tokio::test]
async fn wrong_words_on_the_command_line_are_exit_1() {
    let world = World::new();
    assert_eq!(world.run(&["gatway"]).await.code, Some(1));
    assert_eq!(world.run(&["agent", "-m", "x", "--session", "no such key"]).await.code, Some(1));
    assert_eq!(world.run(&["models", "pull", "nobody-7b"]).await.code, Some(1));
    assert_eq!(world.run(&["--yes", "gateway", "status"]).await.code, Some(1));
}

#[tokio::test]
async fn files_of_the_wrong_sort_are_no_fault_of_hearth() {
    let (world, _provider) = World::with_provider(Vec::new()).await;
    let notes = world.root().join("notes.txt").display().to_string();
    std::fs::write(&notes, "no model").unwrap();
    let done = world.run(&["infer", "serve", "--file", &notes, "--listen", "127.0.0.1:0"]).await;
    assert_eq!(done.code, Some(13), "{done:?}");
    let done = world.run(&["--home", &notes, "config", "get"]).await;
    assert_eq!(done.code, Some(1), "{done:?}");
}

#[tokio::test]
async fn a_question_that_is_too_long_is_refused_not_cut() {
    let (world, provider) = World::with_provider(Vec::new()).await;
    let done = world.run_with(&["agent", "--stdin", "-m", "what is this?"], &"ä".repeat(300_000)).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stderr.starts_with("error: the question is longer than 524288 bytes\n  hint: "), "{done:?}");
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn the_doctor_notices_a_home_that_can_not_be_written_to() {
    let world = World::new();
    world.write_settings("{}");
    assert!(world.run(&["doctor", "--quick"]).await.stdout.starts_with("ok       home"));
    std::fs::remove_dir_all(world.root().join("run")).unwrap();
    std::fs::write(world.root().join("run"), "in the way").unwrap();
    std::fs::set_permissions(world.root().join("run"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let done = world.run(&["doctor", "--quick"]).await;
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.stdout.starts_with("broken   home") && done.stdout.contains("can't be written to"), "{done:?}");
}
