//! Settings of a provider, its preset and the environment, as what `providers` connects.

use crate::app::App;
use crate::error::Failure;
use hearth_config::{ApiKey, InputKind, Loaded, ModelConfig, ProviderApi, ProviderConfig};
use hearth_core::clock::Clock;
use hearth_core::error::ErrorKind;
use hearth_core::model::PromptProfile;
use hearth_providers::{Api, ModelSetup, Preset, Price, Setup, known_model, preset};
use hearth_secrets::{Secret, SecretRef, Vault, resolve};

/// Describes a model by its name `provider/model`.
pub(crate) fn setup(app: &App, loaded: &Loaded, name: &str) -> Result<Setup, Failure> {
    let (provider, model) = split(name)?;
    let known = preset(provider);
    let configured = loaded.config.models.providers.get(provider);
    let base_url = configured
        .and_then(|provider| provider.base_url.clone())
        .or_else(|| known.map(|preset| preset.base_url.to_owned()))
        .ok_or_else(|| unknown_provider(provider))?;
    let api = configured.and_then(|provider| provider.api).map(api_of);
    let api = api.or_else(|| known.map(|preset| preset.api)).unwrap_or(Api::OpenAiCompletions);
    let key = key_of(app, loaded, provider)?;
    if key.is_none() && known.is_some_and(|preset| !preset.is_local()) {
        return Err(missing_key(loaded, provider, known));
    }
    let described = configured.and_then(|provider| provider.models.iter().find(|described| described.id == model));
    Ok(Setup {
        provider: provider.to_owned(),
        api,
        base_url,
        key,
        headers: configured.map(headers).unwrap_or_default(),
        model: describe(known_model(api, model), described),
        unix_socket: None,
        clock: Clock::System,
    })
}

/// Finds a provider's key: the settings, the usual variable, the secret stored under the provider's name.
pub(crate) fn key_of(app: &App, loaded: &Loaded, provider: &str) -> Result<Option<Secret>, Failure> {
    let configured = loaded.config.models.providers.get(provider).and_then(|provider| provider.api_key.as_ref());
    let environment = |name: &str| app.environment.get(name).map(ToOwned::to_owned);
    if let Some(key) = configured {
        let reference = match key {
            ApiKey::Literal(text) => SecretRef::Literal(Secret::new(text.clone())),
            ApiKey::Env { env } => SecretRef::Env(env.clone()),
            ApiKey::File { file } => SecretRef::File(app.home.resolve(file)),
        };
        return resolve(&reference, &environment).map(Some).map_err(|error| {
            let failure = Failure::new(ErrorKind::Config, format!("key of provider {provider}: {error}"));
            locate(failure, loaded, provider).hint(match error.hint() {
                hint if hint.is_empty() => format!("hearth secrets set {provider}"),
                hint => hint,
            })
        });
    }
    let usual = preset(provider).and_then(|preset| preset.env_key).and_then(environment);
    if let Some(key) = usual {
        return Ok(Some(Secret::new(key.trim())));
    }
    match Vault::new(app.home.credentials_dir()).load(provider) {
        Ok(key) => Ok(Some(key)),
        Err(hearth_secrets::Error::NotStored { .. } | hearth_secrets::Error::InvalidName { .. }) => Ok(None),
        Err(error) => Err(Failure::new(error.kind(), error.to_string()).hint(error.hint())),
    }
}

fn split(name: &str) -> Result<(&str, &str), Failure> {
    name.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty()).ok_or_else(|| {
        Failure::new(ErrorKind::Config, format!("model `{name}` is not of the form provider/model"))
            .hint("hearth config set agents.defaults.model.primary anthropic/claude-sonnet-5-5")
    })
}

fn unknown_provider(provider: &str) -> Failure {
    Failure::new(ErrorKind::Config, format!("provider {provider} is neither known nor configured"))
        .hint(format!("hearth config set models.providers.{provider}.baseUrl http://127.0.0.1:8000/v1"))
}

fn missing_key(loaded: &Loaded, provider: &str, known: Option<&Preset>) -> Failure {
    let variable = known.and_then(|preset| preset.env_key);
    let where_from = variable.map_or_else(String::new, |name| format!(" ({name} is not set)"));
    let failure = Failure::new(ErrorKind::ProviderAuth, format!("provider {provider} has no key{where_from}"));
    locate(failure, loaded, provider).hint(format!("hearth secrets set {provider}"))
}

/// Adds where the key, or the choice of the provider, stands in the file.
fn locate(failure: Failure, loaded: &Loaded, provider: &str) -> Failure {
    let own = format!("models.providers.{provider}.apiKey");
    let keys = [format!("{own}.env"), format!("{own}.file"), own, "agents.defaults.model.primary".to_owned()];
    match keys.iter().find_map(|key| loaded.sources.of(key)) {
        Some(hearth_config::Source::File { path, line, column }) => {
            failure.at(path, usize::try_from(*line).ok(), usize::try_from(*column).ok())
        }
        _ => failure,
    }
}

fn headers(provider: &ProviderConfig) -> Vec<(String, String)> {
    provider.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn api_of(api: ProviderApi) -> Api {
    match api {
        ProviderApi::AnthropicMessages => Api::AnthropicMessages,
        ProviderApi::OpenaiResponses => Api::OpenAiResponses,
        ProviderApi::OpenaiCompletions => Api::OpenAiCompletions,
        ProviderApi::GoogleGenerativeAi => Api::GoogleGenerativeAi,
    }
}

/// What the person says of a model goes before what is known of it.
fn describe(mut model: ModelSetup, described: Option<&ModelConfig>) -> ModelSetup {
    let Some(described) = described else { return model };
    model.context_tokens = described.context_window.unwrap_or(model.context_tokens);
    model.max_output_tokens = described.max_tokens.unwrap_or(model.max_output_tokens).min(model.context_tokens);
    if let Some(input) = &described.input {
        model.images = input.contains(&InputKind::Image);
    }
    if let Some(small) = described.small {
        model.profile = if small { PromptProfile::Small } else { PromptProfile::Full };
    }
    if let Some(cost) = described.cost {
        model.price = Some(Price {
            input: cost.input,
            output: cost.output,
            cache_read: cost.cache_read,
            cache_write: cost.cache_write,
        });
    }
    model
}
