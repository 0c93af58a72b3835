//! The list of sessions, and what happens when it is gone.

use crate::world::World;
use hearth_core::session::SessionKey;
use hearth_testkit::scripted::Reply;
use serde_json::{Value, json};
use std::fs;

fn main_key() -> SessionKey {
    SessionKey::main("main")
}

fn list(world: &World) -> Value {
    let text = fs::read_to_string(world.home.sessions().join("sessions.json")).expect("the list");
    serde_json::from_str(&text).expect("valid JSON")
}

fn history(world: &World) -> Vec<String> {
    world.agent.history(&main_key()).expect("a history").iter().map(|entry| entry.message.text()).collect()
}

#[tokio::test]
async fn the_list_says_what_a_session_is_and_took() {
    let world = World::new(vec![Reply::text("Hi.").costing(100, 5, 0.0), Reply::text("Yes.").costing(120, 7, 0.0)]);
    world.say("hello there\nand more").await;
    world.say("still there?").await;
    let summary = world.agent.sessions().remove(0);
    assert_eq!(
        (summary.key.as_str(), summary.model.as_str(), summary.total_tokens, summary.title.as_str()),
        ("agent:main:main", "scripted/script-1", 232, "hello there")
    );
    let record = &list(&world)["agent:main:main"];
    assert_eq!(
        (&record["sessionId"], &record["sessionFile"], &record["inputTokens"], &record["outputTokens"]),
        (&json!(summary.session_id), &json!(format!("{}.jsonl", summary.session_id)), &json!(220), &json!(12))
    );
    assert_eq!((&record["updatedAt"], &record["abortedLastRun"]), (&json!(summary.updated_at_ms), &json!(false)));
}

#[tokio::test]
async fn a_new_beginning_keeps_the_old_transcript() {
    let mut world = World::new(vec![Reply::text("One."), Reply::text("Two.")]);
    world.say("first").await;
    let old = world.transcript_path();
    world.agent.start_new(&main_key()).expect("begun anew");
    assert_eq!(history(&world), [""; 0]);
    // Also when the process ends before anything is said.
    world.restart();
    world.say("second").await;
    assert_eq!(history(&world), ["second", "Two."]);
    assert_eq!(world.model.requests()[1].messages.len(), 1);
    assert!(fs::read_to_string(old).expect("the old transcript").contains("first"));
}

#[tokio::test]
async fn a_list_that_is_gone_or_damaged_is_rebuilt_from_the_transcripts() {
    for damage in [None, Some(""), Some("{\"agent:main:main\": {\"sessionId\": 7"), Some("[]")] {
        let mut world = World::new(vec![Reply::text("One."), Reply::text("Two."), Reply::text("Three.")]);
        world.say("first").await;
        world.agent.start_new(&main_key()).expect("begun anew");
        world.say("second").await;
        let path = world.home.sessions().join("sessions.json");
        match damage {
            None => fs::remove_file(&path).expect("removed"),
            Some(text) => fs::write(&path, text).expect("written"),
        }
        world.restart();
        assert_eq!(world.agent.sessions().len(), 1, "{damage:?}");
        let title = world.agent.sessions().remove(0).title;
        assert_eq!(history(&world), [title.as_str(), if title == "first" { "One." } else { "Two." }], "{damage:?}");
        let kept = world.home.sessions().join("sessions.json.damaged-1");
        assert_eq!(fs::read_to_string(kept).ok().as_deref(), damage);
        world.say("third").await;
        assert_eq!(history(&world).len(), 4);
    }
}

#[tokio::test]
async fn transcripts_of_another_program_are_found() {
    let mut world = World::new(vec![]);
    let line = r#"{"type":"message","id":"a","parentId":null,"timestamp":"t","message":{"role":"user","content":"old","timestamp":5}}"#;
    fs::write(world.home.sessions().join("imported.jsonl"), line).expect("written");
    world.restart();
    let summary = world.agent.sessions().remove(0);
    assert_eq!(
        (summary.key.as_str(), summary.title.as_str(), summary.updated_at_ms),
        ("agent:main:recovered-imported", "old", 5)
    );
    assert_eq!(world.agent.history(&summary.key).expect("a history").len(), 1);
}

#[tokio::test]
async fn a_list_of_another_program_is_taken_over_and_leads_nowhere_else() {
    let mut world = World::new(vec![Reply::text("Hi.")]);
    let foreign = json!({"agent:main:main": {
        "sessionId": "s1", "updatedAt": 7, "sessionFile": "/etc/../home/ada/.other/agents/main/sessions/s1.jsonl",
        "chatType": "direct", "skillsSnapshot": {"prompt": "x"}}});
    fs::write(world.home.sessions().join("sessions.json"), foreign.to_string()).expect("written");
    world.restart();
    world.say("hello").await;
    assert!(world.home.sessions().join("s1.jsonl").exists());
    let record = &list(&world)["agent:main:main"];
    assert_eq!((&record["chatType"], &record["skillsSnapshot"]["prompt"]), (&json!("direct"), &json!("x")));
}
