//! Transcripts as crashes, disks and other programs leave them.

use crate::world::World;
use hearth_agent::transcript::{self, NewSession, Transcript};
use hearth_core::message::Message;
use hearth_core::session::SessionKey;
use hearth_testkit::home::fixed_clock;
use hearth_testkit::scripted::{Reply, tool_call};
use serde_json::json;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn session() -> NewSession {
    NewSession {
        session_id: "5f0c6f2e-0000-4000-8000-000000000000".to_owned(),
        key: SessionKey::main("main"),
        workspace: "/home/ada/workspace".into(),
    }
}

fn open(path: &Path) -> Transcript {
    Transcript::open(path, &session(), fixed_clock().now()).expect("the transcript opens")
}

fn texts(path: &Path) -> Vec<String> {
    transcript::read(path).expect("read").iter().map(|entry| entry.message.text()).collect()
}

/// Two turns with tool calls, as the agent writes them.
async fn whole() -> String {
    let world = World::new(vec![
        Reply::calls(vec![
            tool_call("c1", "write", json!({"path": "ä.md", "content": "grün\n"})),
            tool_call("c2", "read", json!({"path": "ä.md"})),
        ]),
        Reply::text("Es ist grün."),
        Reply::text("hi"),
    ]);
    world.say("schreib grün").await;
    world.say("sag hi").await;
    world.transcript_text()
}

/// Opens, checks that every call has its result and that nothing was thrown away, and goes on.
fn check_mended(path: &Path, damaged: &[u8]) {
    fs::write(path, damaged).expect("written");
    let mut transcript = open(path);
    let mut waiting: HashSet<String> = HashSet::new();
    for message in transcript.messages() {
        match message {
            Message::Assistant(answer) => waiting = answer.tool_calls().map(|call| call.id.clone()).collect(),
            Message::ToolResult(result) => assert!(waiting.remove(&result.tool_call_id) || !result.is_error),
            Message::User(_) => waiting.clear(),
        }
    }
    assert!(waiting.is_empty(), "{waiting:?}");
    let before: Vec<Message> = transcript.messages().cloned().collect();
    let id = transcript.append(Message::user("go on", fixed_clock().now()), fixed_clock().now()).expect("appended");
    let bytes = fs::read(path).expect("read");
    assert!(bytes.starts_with(damaged), "bytes were thrown away");
    let after = transcript::read(path).expect("read again");
    assert_eq!(after.last().map(|entry| entry.id.as_str()), Some(id.as_str()));
    assert_eq!(after.into_iter().map(|entry| entry.message).take(before.len()).collect::<Vec<_>>(), before);
}

#[tokio::test]
async fn cut_off_at_any_byte_it_opens_and_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let whole = whole().await.into_bytes();
    let path = folder.path().join("t.jsonl");
    for length in 0..=whole.len() {
        check_mended(&path, &whole[..length]);
    }
}

#[tokio::test]
async fn damaged_at_any_byte_it_opens_and_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let whole = whole().await.into_bytes();
    let path = folder.path().join("t.jsonl");
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] = if at % 2 == 0 { b'\n' } else { 0xff };
        check_mended(&path, &damaged);
    }
}

#[tokio::test]
async fn a_cut_off_end_costs_only_the_line_it_hit() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("t.jsonl");
    let whole = whole().await;
    fs::write(&path, &whole[..whole.len() - 20]).expect("written");
    let transcript = open(&path);
    assert_eq!(transcript.faults().len(), 1);
    assert_eq!(texts(&path).first().map(String::as_str), Some("schreib grün"));
    assert_eq!(texts(&path).last().map(String::as_str), Some("sag hi"));
}

#[test]
fn calls_that_were_cut_off_get_a_result_on_disk() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("t.jsonl");
    let lines = [
        r#"{"type":"session","version":3,"id":"s","timestamp":"2026-01-01T00:00:00.000Z","cwd":"/"}"#,
        r#"{"type":"message","id":"aaaaaaaa","parentId":null,"timestamp":"t","message":{"role":"user","content":"run both","timestamp":1}}"#,
        r#"{"type":"message","id":"bbbbbbbb","parentId":"aaaaaaaa","timestamp":"t","message":{"role":"assistant","content":[{"type":"toolCall","id":"c1","name":"bash","arguments":{}},{"type":"toolCall","id":"c2","name":"bash","arguments":{}}],"api":"a","provider":"p","model":"m","usage":{},"stopReason":"toolUse","timestamp":2}}"#,
        r#"{"type":"message","id":"cccccccc","parentId":"bbbbbbbb","timestamp":"t","message":{"role":"toolResult","toolCallId":"c1","toolName":"bash","content":[{"type":"text","text":"one"}],"isError":false,"timestamp":3}}"#,
    ];
    fs::write(&path, lines.join("\n")).expect("written");
    // Reading alone mends nothing: the turn may still be running.
    assert_eq!(texts(&path), ["run both", "", "one"]);
    open(&path);
    let mended = texts(&path);
    assert_eq!(mended.len(), 4);
    assert!(mended[3].starts_with("interrupted before it finished"), "{mended:?}");
    open(&path);
    assert_eq!(texts(&path), mended, "mended twice");
}

/// Lines of other programs and broken lines: which messages make up the conversation.
fn check_conversation(lines: &[&str], expected: &[&str]) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("t.jsonl");
    fs::write(&path, format!("{}\n", lines.join("\n"))).expect("written");
    assert_eq!(texts(&path), expected, "{lines:#?}");
    let original = fs::read(&path).expect("read");
    open(&path);
    assert!(fs::read(&path).expect("read").starts_with(&original));
}

fn said(id: &str, parent: &str, text: &str) -> String {
    let parent = if parent.is_empty() { "null".to_owned() } else { format!("\"{parent}\"") };
    format!(
        r#"{{"type":"message","id":"{id}","parentId":{parent},"timestamp":"t","message":{{"role":"user","content":"{text}","timestamp":1}}}}"#
    )
}

#[test]
fn lines_of_other_programs_are_kept_and_passed_over() {
    let header = r#"{"type":"session","version":3,"id":"s","timestamp":"t","cwd":"/","parentSession":"x"}"#;
    let level = r#"{"type":"thinking_level_change","id":"b","parentId":"a","timestamp":"t","thinkingLevel":"off"}"#;
    let custom = r#"{"type":"custom","customType":"x","data":{"y":[1]},"id":"c","parentId":"b","timestamp":"t"}"#;
    let role = r#"{"type":"message","id":"d","parentId":"c","timestamp":"t","message":{"role":"bashExecution","x":1}}"#;
    check_conversation(&[header, &said("a", "", "one"), level, custom, role, &said("e", "d", "two")], &["one", "two"]);
}

#[test]
fn the_newest_branch_is_the_conversation() {
    check_conversation(
        &[&said("a", "", "one"), &said("b", "a", "two"), &said("c", "b", "three"), &said("d", "a", "other two")],
        &["one", "other two"],
    );
}

#[test]
fn broken_lines_and_ids_lose_only_themselves() {
    let cases: [(&[&str], &[&str]); 4] = [
        // No header, and a line that is no JSON.
        (&[&said("a", "", "one"), "{{{", &said("b", "a", "two")], &["one", "two"]),
        // The parent's line is damaged: the line before stands in.
        (&[&said("a", "", "one"), "\0\0\0", &said("c", "b", "three")], &["one", "three"]),
        // Two entries with one id: the nearest earlier one is meant.
        (&[&said("a", "", "one"), &said("a", "a", "two"), &said("b", "a", "three")], &["one", "two", "three"]),
        // An entry that is its own parent, or its child's, can't close a circle.
        (
            &[&said("a", "", "one"), &said("b", "b", "two"), &said("c", "d", "three"), &said("d", "c", "four")],
            &["one", "two", "three", "four"],
        ),
    ];
    for (lines, expected) in cases {
        check_conversation(lines, expected);
    }
}

#[test]
fn two_writers_garble_nothing() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("t.jsonl");
    let (mut one, mut two) = (open(&path), open(&path));
    let long = "x".repeat(100_000);
    for _ in 0..10 {
        for transcript in [&mut one, &mut two] {
            transcript.append(Message::user(&long, fixed_clock().now()), fixed_clock().now()).expect("appended");
        }
    }
    let text = fs::read_to_string(&path).expect("read");
    assert_eq!(text.lines().count(), 21);
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("a whole line");
    }
    assert_eq!(open(&path).faults(), []);
}

#[test]
fn a_missing_file_has_no_messages_and_a_folder_is_an_error() {
    let folder = TempDir::new().expect("a folder");
    assert_eq!(texts(&folder.path().join("none.jsonl")), [""; 0]);
    let error = transcript::read(folder.path()).expect_err("a folder is no transcript");
    assert!(error.to_string().starts_with("can't read "), "{error}");
}

#[cfg(unix)]
#[test]
fn only_its_person_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("sessions/t.jsonl");
    open(&path);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&folder.path().join("sessions"))), (0o600, 0o700));
}
