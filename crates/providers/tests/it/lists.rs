//! Lists of models, and servers found on this machine.

use crate::world::{FORMATS, client, setup};
use hearth_core::error::ErrorKind;
use hearth_providers::{Api, list_models};
use hearth_testkit::fake_provider::{Answer, FakeProvider, Reply};

#[tokio::test]
async fn every_service_lists_its_models() {
    for (format, api) in FORMATS {
        let fake = FakeProvider::start(format, vec![Reply::Answer(Answer::text("hi"))]).await.unwrap();
        let models = list_models(&setup(api, fake.base_url()), &client()).await.unwrap();
        assert_eq!(models[0], "fake-model", "{format:?}");
        assert!(models.iter().all(|id| id != "fake-embedder"), "{format:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_said_not_to_be_there() {
    let error =
        list_models(&setup(Api::OpenAiCompletions, "http://127.0.0.1:1".to_owned()), &client()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Remote);
    assert!(error.message.contains("refused the connection"), "{error}");
}
