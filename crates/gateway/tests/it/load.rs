//! Slow clients, full queues, many clients.

use crate::world::{Client, World, message};
use hearth_core::message::StopReason;
use hearth_core::model::ModelEvent;
use hearth_testkit::scripted::Reply;
use serde_json::{Value, json};

/// A reply of many pieces whose whole is large.
fn long_reply() -> Reply {
    let line = format!("{}\n\n", "word ".repeat(100));
    let text = line.repeat(800);
    let mut events: Vec<_> = (0..800).map(|_| ModelEvent::Text(line.clone())).collect();
    let done = Reply::message(vec![hearth_core::message::Content::text(text)], StopReason::Stop);
    events.extend(done.into_events().into_iter().filter(|event| matches!(event, ModelEvent::Done(_))));
    Reply::events(events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_stalls_nobody() {
    let world = World::new(vec![long_reply(), long_reply(), long_reply(), Reply::text("end")]).await;
    let mut slow = world.client().await;
    let mut quick = world.client().await;
    for run_id in ["run-1", "run-2", "run-3", "run-4"] {
        quick.request("chat.send", message("go", run_id)).await;
        assert_eq!(quick.chat_end(run_id).await["state"], "final");
    }
    // It reads at last: whatever it missed, the newest state is there and its connection lives.
    let answer = slow.request("chat.history", json!({"sessionKey": "main", "limit": 1})).await;
    assert_eq!(answer["payload"]["messages"][0]["content"][0]["text"], "end");
}

#[tokio::test]
async fn a_full_lane_is_told_as_such() {
    let world = World::new(vec![Reply::hang_after("busy")]).await;
    let mut client = world.client().await;
    let mut refused: Option<Value> = None;
    for index in 0..40 {
        let answer = client.request("chat.send", message("hi", &format!("run-{index}"))).await;
        if answer["ok"] == false {
            refused = Some(answer);
            assert_eq!(index, 33, "one runs, thirty-two wait");
            break;
        }
    }
    let error = &refused.expect("a bounded lane")["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&json!("UNAVAILABLE"), &json!(true)));
    let stopped = client.request("chat.abort", json!({"sessionKey": "main"})).await;
    assert_eq!(stopped["payload"]["runIds"].as_array().map(Vec::len), Some(33));
    client.chat_end("run-32").await;
    assert_eq!(world.model.requests().len(), 1);
}

#[tokio::test]
async fn many_clients_hear_the_same() {
    let world = World::new(vec![Reply::text("to all")]).await;
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..100 {
        clients.push(world.client().await);
    }
    clients[0].request("chat.send", message("hi", "run-1")).await;
    for client in &mut clients {
        assert_eq!(client.chat_end("run-1").await["message"]["content"][0]["text"], "to all");
    }
}
