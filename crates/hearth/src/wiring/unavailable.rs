//! A model that can't be asked: it answers with the reason, so that everything else works and the person reads it where
//! they look.

use crate::error::Failure;
use hearth_core::BoxFuture;
use hearth_core::model::{Model, ModelError, ModelInfo, ModelRequest, ModelStream, PromptProfile, Remedy};

/// A model that can't be asked.
pub(super) struct Unavailable {
    name: String,
    failure: Failure,
}

impl Unavailable {
    /// Stands in for the model `provider/model`.
    pub(super) fn new(name: &str, failure: Failure) -> Self {
        Self { name: name.to_owned(), failure }
    }
}

impl Model for Unavailable {
    fn info(&self) -> ModelInfo {
        let (provider, model) = self.name.split_once('/').unwrap_or(("none", &self.name));
        ModelInfo {
            provider: provider.to_owned(),
            model: model.to_owned(),
            context_tokens: 32_768,
            max_output_tokens: 4_096,
            images: false,
            profile: PromptProfile::Full,
        }
    }

    fn answer(&self, _request: ModelRequest) -> BoxFuture<'_, Result<ModelStream, ModelError>> {
        let error = ModelError {
            kind: self.failure.kind(),
            message: self.failure.to_string(),
            hint: self.failure.hint_text().to_owned(),
            remedy: Remedy::NextModel,
        };
        Box::pin(async move { Err(error) })
    }
}
