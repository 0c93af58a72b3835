//! What ends a turn that would not end by itself.

use crate::world::World;
use hearth_agent::{AgentConfig, TurnEnd, TurnOutcome};
use hearth_core::error::ErrorKind;
use hearth_core::message::Message;
use hearth_core::session::SessionKey;
use hearth_testkit::scripted::{Reply, ScriptedModel, tool_call};
use serde_json::json;
use std::time::Duration;

fn bash(command: &str) -> Reply {
    Reply::call("", "bash", json!({"command": command}))
}

fn check_stopped(outcome: &TurnOutcome, said: &str) {
    let TurnEnd::Failed { kind, message, hint } = &outcome.end else { panic!("{outcome:?}") };
    assert_eq!((*kind, message.as_str()), (ErrorKind::Denied, said));
    assert!(!hint.is_empty());
}

fn results(world: &World) -> Vec<String> {
    let history = world.agent.history(&SessionKey::main("main")).expect("a history");
    history
        .iter()
        .filter(|entry| matches!(entry.message, Message::ToolResult(_)))
        .map(|entry| entry.message.text())
        .collect()
}

fn world(replies: Vec<Reply>, configure: impl FnOnce(&mut AgentConfig)) -> World {
    World::with(ScriptedModel::new(replies), configure)
}

#[tokio::test]
async fn repeating_a_call_is_said_to_the_model_and_then_stopped() {
    let replies = (0..8).map(|_| bash("echo same")).collect();
    let world = world(replies, |config| config.limits.max_repeats = 4);
    let (outcome, _) = world.say("go").await;
    check_stopped(&outcome, "stopped: bash was called 4 times with the same arguments and the same result");
    let told: Vec<bool> = results(&world).iter().map(|text| text.contains("You made this same call")).collect();
    assert_eq!(told, [false, true, true, false]);
}

#[tokio::test]
async fn calls_after_the_stop_are_answered_but_not_run() {
    let same = || tool_call("", "bash", json!({"command": "echo same >> log"}));
    let world = world(vec![Reply::calls(vec![same(), same(), same(), same()])], |config| config.limits.max_repeats = 2);
    let (outcome, _) = world.say("go").await;
    check_stopped(&outcome, "stopped: bash was called 2 times with the same arguments and the same result");
    assert_eq!(results(&world)[2..], ["not run: the turn repeated itself and was stopped"; 2]);
    let log = std::fs::read_to_string(world.home.workspace().join("log")).expect("the log");
    assert_eq!(log, "same\nsame\n");
}

#[tokio::test]
async fn the_last_step_is_announced_and_may_still_answer() {
    let world = world(vec![bash("echo 1"), bash("echo 2"), Reply::text("Half done.")], |config| {
        config.limits.max_steps = 3;
    });
    let (outcome, _) = world.say("go").await;
    assert_eq!(outcome.text, "Half done.");
    let announced: Vec<bool> = results(&world).iter().map(|text| text.contains("no more tool calls")).collect();
    assert_eq!(announced, [false, true]);
}

#[tokio::test]
async fn a_call_in_the_last_step_is_not_run() {
    let world = world(vec![bash("echo 1"), bash("touch late")], |config| config.limits.max_steps = 2);
    let (outcome, _) = world.say("go").await;
    check_stopped(&outcome, "stopped after 2 steps without an end");
    assert_eq!(results(&world)[1], "not run: the turn's limit of steps was reached");
    assert!(!world.home.workspace().join("late").exists());
}

#[tokio::test]
async fn a_turn_may_not_cost_more_than_allowed() {
    let world = world(vec![bash("echo 1").costing(10, 10, 0.03), bash("touch late").costing(10, 10, 0.03)], |config| {
        config.limits.max_cost_usd = Some(0.05);
    });
    let (outcome, _) = world.say("go").await;
    check_stopped(&outcome, "stopped at $0.0600: a turn may cost $0.0500");
    assert!(!world.home.workspace().join("late").exists());
    assert_eq!(outcome.usage.total_tokens, 40);
}

#[tokio::test]
async fn a_silent_model_is_not_waited_for_beyond_the_turns_time() {
    let world = world(vec![Reply::hang_after("Let me")], |config| config.limits.max_seconds = 1);
    let (outcome, _) = world.say("go").await;
    check_stopped(&outcome, "stopped after 1 s");
    assert_eq!(outcome.text, "Let me");
}

#[tokio::test]
async fn a_slow_command_ends_with_the_turns_time() {
    let world = world(vec![bash("sleep 600")], |config| config.limits.max_seconds = 1);
    let started = tokio::time::Instant::now();
    let (outcome, _) = world.say("go").await;
    check_stopped(&outcome, "stopped after 1 s");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    let results = results(&world);
    assert!(results[0].contains("time was over"), "{results:?}");
}

#[tokio::test]
async fn a_long_result_is_cut_in_the_middle() {
    let world = world(vec![bash("seq 1 4000"), Reply::text("Many.")], |config| {
        config.limits.max_tool_output_chars = 1_000;
    });
    world.say("count").await;
    let results = results(&world);
    assert!(results[0].starts_with("1\n2\n3\n") && results[0].contains("characters left out"), "{results:?}");
    assert!(results[0].chars().count() < 1_100, "{}", results[0].chars().count());
}
