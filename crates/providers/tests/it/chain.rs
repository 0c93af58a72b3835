//! Retries, cool-downs and failover, on a paused clock.

use crate::world::{ask, client, hello, setup};
use hearth_core::error::ErrorKind;
use hearth_core::model::{Model, ModelError, ModelInfo, Remedy};
use hearth_providers::{Api, Chain, connect};
use hearth_testkit::fake_provider::{Answer, FakeProvider, Fault, Format, Part, Reply as Wire};
use hearth_testkit::scripted::{Reply, ScriptedModel, model_error};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

fn scripted(name: &str, replies: Vec<Reply>) -> Arc<ScriptedModel> {
    let info = ModelInfo { provider: name.to_owned(), ..ScriptedModel::new(Vec::new()).info() };
    ScriptedModel::with_info(info, replies)
}

fn chain(models: &[&Arc<ScriptedModel>]) -> Chain {
    Chain::new(models.iter().map(|model| Arc::clone(model) as Arc<dyn Model>).collect())
}

fn busy() -> ModelError {
    model_error("provider a failed on its side (529)", Remedy::Retry(None))
}

fn refused() -> ModelError {
    ModelError { kind: ErrorKind::ProviderAuth, ..model_error("provider a refused the key (401)", Remedy::NextModel) }
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_tried_again_after_a_wait() {
    let model = scripted("a", vec![Reply::refuse(busy()), Reply::refuse(busy()), Reply::text("at last")]);
    let begun = Instant::now();
    let seen = ask(&chain(&[&model]), hello()).await;
    assert_eq!(seen.text, "at last");
    assert_eq!(model.requests().len(), 3);
    assert!(begun.elapsed() <= Duration::from_secs(3), "two waits of at most 1 s and 2 s");
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_when_short_and_means_the_next_model_when_long() {
    let asks_for = |seconds| model_error("slow down (429)", Remedy::Retry(Some(Duration::from_secs(seconds))));
    let patient = scripted("a", vec![Reply::refuse(asks_for(20)), Reply::text("first")]);
    let begun = Instant::now();
    assert_eq!(ask(&chain(&[&patient]), hello()).await.text, "first");
    assert!(begun.elapsed() >= Duration::from_secs(20));

    let busy_for_long = scripted("a", vec![Reply::refuse(asks_for(600))]);
    let other = scripted("b", vec![Reply::text("second")]);
    let begun = Instant::now();
    let chain = chain(&[&busy_for_long, &other]);
    assert_eq!(ask(&chain, hello()).await.text, "second");
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(chain.rests()[0].1.map(|left| left.as_secs()), Some(600));
}

#[tokio::test(start_paused = true)]
async fn what_was_streamed_is_declared_void_before_the_answer_starts_anew() {
    let model = scripted("a", vec![Reply::fail_after("half an ", busy()), Reply::text("whole answer")]);
    let seen = ask(&chain(&[&model]), hello()).await;
    assert_eq!(seen.text, "half an whole answer");
    assert_eq!(seen.restarts.len(), 1);
    assert!(seen.restarts[0].contains("(529); trying again in"), "{}", seen.restarts[0]);
    assert_eq!(seen.done().content, vec![hearth_core::message::Content::text("whole answer")]);
}

#[tokio::test(start_paused = true)]
async fn the_next_model_answers_and_the_first_rests_until_its_time_is_over() {
    let first = scripted("a", vec![Reply::refuse(refused()), Reply::text("back")]);
    let second = scripted("b", vec![Reply::text("instead"), Reply::text("again")]);
    let chain = chain(&[&first, &second]);
    let seen = ask(&chain, hello()).await;
    assert_eq!(seen.text, "instead");
    assert!(seen.restarts[0].ends_with("answers instead"), "{:?}", seen.restarts);
    assert_eq!(ask(&chain, hello()).await.text, "again");
    assert_eq!(first.requests().len(), 1, "a refused key is not tried again at once");
    tokio::time::advance(Duration::from_secs(5 * 3600 + 1)).await;
    assert_eq!(ask(&chain, hello()).await.text, "back");
    assert_eq!(chain.rests()[0].1, None);
}

#[tokio::test(start_paused = true)]
async fn errors_that_no_other_model_mends_return_at_once() {
    for remedy in [Remedy::Shorten, Remedy::GiveUp] {
        let first = scripted("a", vec![Reply::refuse(model_error("no", remedy.clone()))]);
        let second = scripted("b", vec![Reply::text("never asked")]);
        let chain = chain(&[&first, &second]);
        assert_eq!(ask(&chain, hello()).await.error().remedy, remedy);
        assert_eq!(second.requests().len(), 0);
        assert_eq!(chain.rests()[0].1, None, "the model itself is well");
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_one_error_lists_them() {
    let first = scripted("a", vec![Reply::refuse(refused())]);
    let second = scripted("b", vec![Reply::refuse(busy()), Reply::refuse(busy()), Reply::refuse(busy())]);
    let chain = chain(&[&first, &second]);
    let error = ask(&chain, hello()).await.error();
    assert_eq!(error.kind, ErrorKind::ProviderAuth);
    insta::assert_snapshot!(error.message, @r##"no model answered: a/script-1: provider a refused the key (401); b/script-1: provider a failed on its side (529) (3 tries)"##);
    // All rest now; the one that is back first is asked all the same.
    assert!(ask(&chain, hello()).await.end.is_err());
    assert_eq!((first.requests().len(), second.requests().len()), (1, 4));
}

#[tokio::test]
async fn an_empty_chain_says_what_to_configure() {
    let error = ask(&Chain::new(Vec::new()), hello()).await.error();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NoModel, "no model is configured"));
}

#[tokio::test]
async fn a_call_cut_in_the_middle_is_asked_for_anew_and_comes_once() {
    let answer = Answer::text("I read it.").and(Part::call("call_1", "read", r#"{"path": "notes/todo.md"}"#));
    for (format, api) in crate::world::FORMATS {
        let cut = Wire::Fault(Fault::CutAfterBytes(answer.clone(), 500));
        let fake = FakeProvider::start(format, vec![cut, Wire::Answer(answer.clone())]).await.unwrap();
        let chain = Chain::new(vec![connect(setup(api, fake.base_url()), &client()).unwrap()]);
        let message = ask(&chain, hello()).await.done();
        assert_eq!(message.tool_calls().count(), 1, "{format:?}");
        let requests = fake.requests();
        assert_eq!(requests.len(), 2, "{format:?}");
        assert_eq!(requests[0].body, requests[1].body, "{format:?}");
    }
    // Over to another service, whose transcript then names it.
    let down = FakeProvider::start(
        Format::AnthropicMessages,
        vec![Wire::Fault(Fault::status(401, "authentication_error", "no"))],
    );
    let up = FakeProvider::start(Format::OpenAiResponses, vec![Wire::Answer(answer)]);
    let (down, up) = (down.await.unwrap(), up.await.unwrap());
    let chain = Chain::new(vec![
        connect(setup(Api::AnthropicMessages, down.base_url()), &client()).unwrap(),
        connect(setup(Api::OpenAiResponses, up.base_url()), &client()).unwrap(),
    ]);
    assert_eq!(ask(&chain, hello()).await.done().api, "openai-responses");
    assert_eq!((down.requests().len(), up.requests().len()), (1, 1));
}
