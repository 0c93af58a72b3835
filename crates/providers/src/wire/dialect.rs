//! Where services that speak Chat Completions differ.

use crate::history::IdRule;
use crate::setup::Setup;

/// How one service speaks Chat Completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// What it calls the output limit.
    pub(crate) limit: LimitField,
    /// How it is told to think.
    pub(crate) effort: EffortField,
    /// Whether it wants its own reasoning back in later requests.
    pub(crate) wants_reasoning: bool,
    /// Which extras it accepts; strict services refuse unknown fields.
    pub(crate) extras: Extras,
    /// Which call ids it accepts.
    pub(crate) ids: IdRule,
}

/// What the output limit is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitField {
    /// The old name, which imitations know.
    MaxTokens,
    /// OpenAI's name, the only one its reasoning models accept.
    MaxCompletionTokens,
}

/// How the service is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EffortField {
    /// Not at all.
    None,
    /// `reasoning_effort: "low"`.
    Flat,
    /// `reasoning: { effort: "low" }` (OpenRouter).
    Nested,
}

/// Which fields beyond the common ones are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extras {
    /// None: the service refuses what it does not know, and counts tokens without being asked.
    None,
    /// `stream_options`.
    Usage,
    /// `stream_options` and `prompt_cache_key`.
    UsageAndCacheKey,
}

/// Most services take OpenAI's ids, whose longest accepted form is 40 characters.
const PLAIN: IdRule = IdRule::Plain { max: 40 };

const COMMON: Dialect = Dialect {
    limit: LimitField::MaxTokens,
    effort: EffortField::None,
    wants_reasoning: false,
    extras: Extras::Usage,
    ids: PLAIN,
};

/// Returns the dialect of a setup, by its address first: people give providers names of their own.
pub(crate) fn of(setup: &Setup) -> Dialect {
    let host = setup.base_url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let is = |name: &str, domain: &str| setup.provider == name || host.ends_with(domain);
    if is("openai", "api.openai.com") {
        let (limit, effort) = (LimitField::MaxCompletionTokens, EffortField::Flat);
        Dialect { limit, effort, extras: Extras::UsageAndCacheKey, ..COMMON }
    } else if is("openrouter", "openrouter.ai") {
        Dialect { effort: EffortField::Nested, wants_reasoning: true, ..COMMON }
    } else if is("mistral", "api.mistral.ai") {
        Dialect { extras: Extras::None, ids: IdRule::NineAlphanumeric, ..COMMON }
    } else if is("groq", "api.groq.com") || is("xai", "api.x.ai") {
        Dialect { effort: EffortField::Flat, ..COMMON }
    } else if is("deepseek", "api.deepseek.com")
        || is("glm", "api.z.ai")
        || is("minimax", "api.minimax.io")
        || is("local", "localhost")
        || is("llamacpp", "127.0.0.1:8080")
    {
        Dialect { wants_reasoning: true, ..COMMON }
    } else {
        COMMON
    }
}
