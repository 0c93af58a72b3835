//! Slow clients, full queues, many clients.

use crate::world::{Client, World, message};
use hearth_core::model::ModelEvent;
use hearth_testkit::scripted::Reply;
use serde_json::{Value, json};

/// An answer that comes in one piece.
fn whole(text: &str) -> Reply {
    let done = Reply::text(text).into_events().pop();
    Reply::events([ModelEvent::Text(text.to_owned())].into_iter().chain(done).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_stalls_nobody_and_learns_that_it_missed_something() {
    let long = "word ".repeat(100_000);
    let world = World::new((0..4).map(|_| whole(&long)).collect()).await;
    // The gateway gives up on a client that takes nothing for as long as it waits: the less fits between them, the
    // sooner this test is done with not reading.
    let mut slow = world.slow(json!({"caps": ["hearth-details"]})).await;
    let mut quick = world.client().await;
    // More bytes than the sockets between hold, then more events than the queue.
    for index in 0..4 {
        let run_id = format!("long-{index}");
        let mut long_turn = message("go", &run_id);
        long_turn["sessionKey"] = format!("agent:main:{index}").into();
        quick.request("chat.send", long_turn).await;
        assert_eq!(quick.chat_end(&run_id).await["state"], "final");
    }
    for index in 0..400 {
        let run_id = format!("short-{index}");
        quick.request("chat.send", message("/stop", &run_id)).await;
        assert_eq!(quick.chat_end(&run_id).await["state"], "final");
    }
    let missed = slow.event("hearth.resync").await;
    assert!(missed["missed"].as_u64().is_some_and(|count| count > 0), "{missed}");
    // It is told the newest, and its connection lives.
    slow.chat_end("short-399").await;
    assert_eq!(slow.request("health", json!({})).await["ok"], true);
}

#[tokio::test]
async fn a_full_lane_is_told_as_such() {
    let world = World::new(vec![Reply::hang_after("busy")]).await;
    let mut client = world.client().await;
    client.request("chat.send", message("hi", "run-0")).await;
    client.event_where("chat", |payload| payload["state"] == "delta").await;
    let mut refused: Option<Value> = None;
    for index in 1..40 {
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
