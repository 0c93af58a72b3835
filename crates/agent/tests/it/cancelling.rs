//! A turn that is stopped leaves a transcript that every provider accepts, wherever it was stopped.

use crate::world::{World, request, run};
use hearth_agent::{TurnEnd, TurnOutcome, transcript};
use hearth_core::CancellationToken;
use hearth_core::event::{TurnEvent, TurnEventKind};
use hearth_core::message::{Message, StopReason};
use hearth_core::session::SessionKey;
use hearth_testkit::scripted::{Reply, tool_call};
use serde_json::json;
use std::collections::HashSet;

fn script() -> Vec<Reply> {
    vec![
        Reply::calls(vec![
            tool_call("c1", "bash", json!({"command": "echo one; echo two"})),
            tool_call("c2", "write", json!({"path": "a.md", "content": "a"})),
            tool_call("c3", "read", json!({"path": "a.md"})),
        ]),
        Reply::call("c4", "bash", json!({"command": "echo three"})),
        Reply::text("All is done now."),
    ]
}

/// Every call has exactly one result, and it comes before anything else is said.
fn check_pairs(messages: &[Message]) {
    let mut waiting: HashSet<&str> = HashSet::new();
    for message in messages {
        match message {
            Message::ToolResult(result) => assert!(waiting.remove(result.tool_call_id.as_str()), "{messages:?}"),
            Message::User(_) | Message::Assistant(_) => assert!(waiting.is_empty(), "{waiting:?} in {messages:?}"),
        }
        if let Message::Assistant(answer) = message {
            waiting.extend(answer.tool_calls().map(|call| call.id.as_str()));
        }
    }
    assert!(waiting.is_empty(), "{waiting:?} in {messages:?}");
}

/// Says something and stops the turn at the first event that is the one.
async fn say_until(
    world: &World,
    text: &str,
    mut is_the_one: impl FnMut(&TurnEventKind) -> bool,
) -> (TurnOutcome, Vec<TurnEventKind>) {
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let observe = move |event: &TurnEventKind| {
        if is_the_one(event) {
            stop.cancel();
        }
    };
    run(&world.agent, request(text), cancel, observe).await
}

#[tokio::test]
async fn stopped_at_any_event_a_turn_leaves_a_valid_transcript() {
    let whole = World::new(script());
    let (_, events) = whole.say("go").await;
    assert!(events.len() > 10, "{events:?}");
    for (stop_at, event) in events.iter().enumerate().take(events.len() - 1) {
        let world = World::new(script());
        let mut seen = 0..;
        let (outcome, _) = say_until(&world, "go", |_| seen.next() == Some(stop_at)).await;
        // The last answer may have been complete before its words were seen.
        let ended_before = matches!(event, TurnEventKind::Text(_)) && matches!(outcome.end, TurnEnd::Finished(_));
        assert!(outcome.end == TurnEnd::Aborted || ended_before, "stopped at {stop_at}: {event:?}");
        let on_disk: Vec<Message> =
            transcript::read(&world.transcript_path()).expect("read").into_iter().map(|entry| entry.message).collect();
        check_pairs(&on_disk);
        // The next turn goes on from there, with everything the first one did.
        world.model.push(Reply::text("Going on."));
        let (outcome, _) = world.say("go on").await;
        check_pairs(&world.model.requests().last().expect("a request").messages);
        assert!(matches!(outcome.end, TurnEnd::Finished(_)), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_had_been_said_is_kept_and_said() {
    let world = World::new(vec![Reply::hang_after("The first thing is"), Reply::text("Fine.")]);
    let last_word = TurnEventKind::Text("is".to_owned());
    let (outcome, events) = say_until(&world, "tell me", |event| *event == last_word).await;
    assert_eq!((outcome.end, outcome.text.as_str()), (TurnEnd::Aborted, "The first thing is"));
    assert_eq!(events.last(), Some(&TurnEventKind::Aborted { text: "The first thing is".to_owned() }));
    let history = world.agent.history(&SessionKey::main("main")).expect("a history");
    let Message::Assistant(broken) = &history[1].message else { panic!("{history:?}") };
    assert_eq!(broken.stop_reason, StopReason::Aborted);

    world.say("never mind").await;
    let said: Vec<String> = world.model.requests()[1].messages.iter().map(Message::text).collect();
    assert_eq!(said[1], "The first thing is(stopped here)");
}

#[tokio::test]
async fn a_running_command_ends_at_once() {
    let world = World::new(vec![Reply::calls(vec![
        tool_call("c1", "bash", json!({"command": "echo begun; sleep 600"})),
        tool_call("c2", "bash", json!({"command": "echo never"})),
    ])]);
    let begun = |event: &TurnEventKind| matches!(event, TurnEventKind::ToolOutput { .. });
    let (outcome, events) = say_until(&world, "wait", begun).await;
    assert_eq!(outcome.end, TurnEnd::Aborted);
    let elapsed = events.iter().find_map(|event| match event {
        TurnEventKind::ToolFinished { elapsed_ms, .. } => Some(*elapsed_ms),
        _ => None,
    });
    assert!(elapsed.is_some_and(|elapsed_ms| elapsed_ms < 5_000), "{elapsed:?}");
    let history = world.agent.history(&SessionKey::main("main")).expect("a history");
    let told: Vec<String> = history[2..].iter().map(|entry| entry.message.text()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("stopped"), "{told:?}");
    assert_eq!(told[1], "not run: the turn was stopped before");
}

#[tokio::test]
async fn a_turn_stopped_while_it_waits_for_another_has_said_nothing() {
    let world = World::new(vec![Reply::hang_after("busy")]);
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let running = run(&world.agent, request("one"), first.clone(), |event| {
        if matches!(event, TurnEventKind::Text(_)) {
            second.cancel();
        }
    });
    let waiting = async {
        let outcome = run(&world.agent, request("two"), second.clone(), |_| {}).await;
        first.cancel();
        outcome
    };
    let (_, (outcome, events)) = tokio::join!(running, waiting);
    assert_eq!((outcome.end, events.len()), (TurnEnd::Aborted, 1));
    let history = world.agent.history(&SessionKey::main("main")).expect("a history");
    assert_eq!(history.len(), 2);
}

#[tokio::test]
async fn a_turn_whose_observer_is_gone_runs_to_its_end() {
    let world = World::new(vec![Reply::text("Nobody listens.")]);
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    drop(receiver);
    let outcome = world.agent.turn(request("hi"), &sender, CancellationToken::new()).await;
    assert_eq!(outcome.text, "Nobody listens.");
}

#[tokio::test]
async fn a_dropped_turn_is_mended_by_the_next() {
    let world = World::new(vec![
        Reply::call("c1", "bash", json!({"command": "echo begun; sleep 600"})),
        Reply::text("I see it was cut off."),
    ]);
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<TurnEvent>(1);
    let begun = async {
        let mut output = false;
        while !output {
            let event = receiver.recv().await.expect("the turn is running");
            output = matches!(event.what, TurnEventKind::ToolOutput { .. });
        }
    };
    tokio::select! {
        _ = world.agent.turn(request("wait"), &sender, CancellationToken::new()) => panic!("it does not end by itself"),
        () = begun => {}
    }
    let (outcome, _) = world.say("what happened?").await;
    assert_eq!(outcome.text, "I see it was cut off.");
    let requests = world.model.requests();
    check_pairs(&requests[1].messages);
    assert!(requests[1].messages[2].text().starts_with("interrupted before it finished"));
}
