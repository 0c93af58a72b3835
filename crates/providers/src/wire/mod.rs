//! One file per wire format: how a request is spelled, how an answer is read.

use crate::draft::Draft;
use crate::failure::Trouble;
use crate::history::IdRule;
use crate::setup::{Api, Setup};
use hearth_core::model::ModelRequest;
use hearth_http::{Client, Response, SseEvent};

mod anthropic;
mod completions;
mod completions_answer;
mod dialect;
mod gemini;
mod responses;
mod schema;

/// Sends a request in the setup's format and returns the response, whatever its status.
pub(crate) async fn send(
    setup: &Setup,
    client: &Client,
    request: &ModelRequest,
) -> Result<Response, hearth_http::Error> {
    match setup.api {
        Api::AnthropicMessages => {
            let url = anthropic::url(&setup.base_url);
            post(setup, client, &url, &anthropic::body(setup, request)).await
        }
        Api::OpenAiResponses => {
            let url = format!("{}/responses", base(setup));
            post(setup, client, &url, &responses::body(setup, request)).await
        }
        Api::OpenAiCompletions => {
            let url = format!("{}/chat/completions", base(setup));
            post(setup, client, &url, &completions::body(setup, request)).await
        }
        Api::GoogleGenerativeAi => {
            let url =
                format!("{}/models/{}:streamGenerateContent?alt=sse", base(setup), gemini::model_path(&setup.model.id));
            post(setup, client, &url, &gemini::body(setup, request)).await
        }
    }
}

/// Returns the headers that carry the key and the format's version, and those the person configured.
pub(crate) fn headers(setup: &Setup) -> Vec<(&str, String)> {
    let key = setup.key.as_ref().map(hearth_secrets::Secret::expose);
    let mut headers = match setup.api {
        Api::AnthropicMessages => {
            let key = key.map(|key| ("x-api-key", key.to_owned()));
            key.into_iter().chain([("anthropic-version", anthropic::VERSION.to_owned())]).collect::<Vec<_>>()
        }
        Api::GoogleGenerativeAi => key.map(|key| ("x-goog-api-key", key.to_owned())).into_iter().collect(),
        Api::OpenAiResponses | Api::OpenAiCompletions => {
            key.map(|key| ("authorization", format!("Bearer {key}"))).into_iter().collect()
        }
    };
    // A configured header replaces the format's own of the same name.
    headers.retain(|(name, _)| !setup.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)));
    headers.extend(setup.headers.iter().map(|(name, value)| (name.as_str(), value.clone())));
    headers
}

/// Returns the base address without a slash at its end.
pub(crate) fn base(setup: &Setup) -> &str {
    setup.base_url.trim_end_matches('/')
}

async fn post<B: serde::Serialize>(
    setup: &Setup,
    client: &Client,
    url: &str,
    body: &B,
) -> Result<Response, hearth_http::Error> {
    let headers = headers(setup);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.post_json(url, &headers, body).await
}

/// Returns which call ids the setup's service accepts.
pub(crate) fn id_rule(setup: &Setup) -> IdRule {
    match setup.api {
        Api::AnthropicMessages | Api::OpenAiResponses | Api::GoogleGenerativeAi => IdRule::Plain { max: 64 },
        Api::OpenAiCompletions => dialect::of(setup).ids,
    }
}

/// Reads an answer in one of the formats.
#[derive(Debug)]
pub(crate) enum Decoder {
    Anthropic(anthropic::Decoder),
    Responses(responses::Decoder),
    Completions(completions_answer::Decoder),
    /// Has nothing to remember between events.
    Gemini,
}

impl Decoder {
    /// Makes a reader for one answer.
    pub(crate) fn new(api: Api) -> Self {
        match api {
            Api::AnthropicMessages => Self::Anthropic(anthropic::Decoder::default()),
            Api::OpenAiResponses => Self::Responses(responses::Decoder::default()),
            Api::OpenAiCompletions => Self::Completions(completions_answer::Decoder::default()),
            Api::GoogleGenerativeAi => Self::Gemini,
        }
    }

    /// Takes one event of a streamed answer.
    pub(crate) fn event(&mut self, event: &SseEvent, draft: &mut Draft) -> Result<(), Trouble> {
        match self {
            Self::Anthropic(decoder) => decoder.event(event, draft)?,
            Self::Responses(decoder) => decoder.event(event, draft)?,
            Self::Completions(decoder) => decoder.event(event, draft)?,
            Self::Gemini => gemini::event(event, draft)?,
        }
        draft.check_size()
    }

    /// Takes an answer that came in one piece, not as a stream.
    pub(crate) fn whole(&mut self, body: &str, draft: &mut Draft) -> Result<(), Trouble> {
        match self {
            Self::Anthropic(decoder) => decoder.whole(body, draft)?,
            Self::Responses(decoder) => decoder.whole(body, draft)?,
            Self::Completions(decoder) => decoder.whole(body, draft)?,
            Self::Gemini => gemini::whole(body, draft)?,
        }
        draft.complete = true;
        draft.check_size()
    }
}

/// Reads one event's data.
fn parse<T: serde::de::DeserializeOwned>(name: &str, data: &str) -> Result<T, Trouble> {
    serde_json::from_str(data).map_err(|error| Trouble::event(name, &error))
}

/// Bytes as `data:` address, which is how OpenAI's formats carry images.
fn data_url(mime_type: &str, data: &str) -> String {
    format!("data:{mime_type};base64,{data}")
}
