//! The chat where nothing can be drawn.

use crate::world::World;
use hearth_testkit::fake_provider::{Answer, Part, Reply};

#[tokio::test]
async fn lines_in_answers_out_tools_beside() {
    let call = Answer::default().and(Part::call("c1", "bash", r#"{"command":"echo 42"}"#));
    let script =
        vec![Reply::Answer(call), Reply::Answer(Answer::text("It is 42.")), Reply::Answer(Answer::text("Bye."))];
    let (world, _provider) = World::with_provider(script).await;
    let _gateway = world.gateway().await;
    let done = world.run_with(&["chat"], "what is it?\n\nthanks\n").await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.stdout, "you › It is 42.\nyou › you › Bye.\nyou › \n");
    assert!(done.stderr.starts_with("bash  echo 42  · "), "{done:?}");
}

#[tokio::test]
async fn a_command_of_the_chat_is_answered_without_a_model() {
    let (world, provider) = World::with_provider(Vec::new()).await;
    let _gateway = world.gateway().await;
    let done = world.run_with(&["chat"], "/status\n").await;
    assert!(done.stdout.contains("gpt-6-luna"), "{done:?}");
    assert_eq!(provider.requests().len(), 0);
}

#[tokio::test]
async fn without_a_gateway_the_hint_starts_one() {
    let done = World::new().run(&["chat"]).await;
    assert_eq!(done.code, Some(1));
    assert_eq!(done.stderr, "error: no gateway of this home is running\n  hint: hearth up\n");
}
