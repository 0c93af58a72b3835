//! Services that need no more than a key.

use crate::catalogue;
use crate::setup::{Api, ModelSetup, Setup};
use hearth_core::clock::Clock;
use hearth_secrets::Secret;

/// A service whose address and format are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The provider's name in configuration (`anthropic` in `anthropic/claude-…`).
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Other names it is known by.
    pub aliases: &'static [&'static str],
    /// The wire format.
    pub api: Api,
    /// Where it is.
    pub base_url: &'static str,
    /// The environment variable its key usually stands in; `None` for servers that want none.
    pub env_key: Option<&'static str>,
    /// The model used when none is named; `None` for local servers, which are asked what they have.
    pub default_model: Option<&'static str>,
}

impl Preset {
    /// True for servers on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.env_key.is_none()
    }

    /// Returns what is known about one of its models; what runs on this machine costs nothing.
    #[must_use]
    pub fn model(&self, id: &str) -> ModelSetup {
        let known = catalogue::known_model(self.api, id);
        ModelSetup { price: known.price.filter(|_| !self.is_local()), ..known }
    }

    /// Makes a setup for one of its models.
    #[must_use]
    pub fn setup(&self, model: &str, key: Option<Secret>) -> Setup {
        Setup {
            provider: self.name.to_owned(),
            api: self.api,
            base_url: self.base_url.to_owned(),
            key,
            headers: Vec::new(),
            model: self.model(model),
            unix_socket: None,
            clock: Clock::System,
        }
    }
}

const fn hosted(
    name: &'static str,
    title: &'static str,
    (api, base_url): (Api, &'static str),
    env_key: &'static str,
    default_model: &'static str,
) -> Preset {
    Preset { name, title, aliases: &[], api, base_url, env_key: Some(env_key), default_model: Some(default_model) }
}

const fn local(name: &'static str, title: &'static str, base_url: &'static str) -> Preset {
    Preset { name, title, aliases: &[], api: Api::OpenAiCompletions, base_url, env_key: None, default_model: None }
}

const CHAT: Api = Api::OpenAiCompletions;

/// The known services, hosted ones first, in the order in which their keys are looked for.
pub const PRESETS: &[Preset] = &[
    hosted(
        "anthropic",
        "Anthropic",
        (Api::AnthropicMessages, "https://api.anthropic.com"),
        "ANTHROPIC_API_KEY",
        "claude-sonnet-5-5",
    ),
    hosted("openai", "OpenAI", (Api::OpenAiResponses, "https://api.openai.com/v1"), "OPENAI_API_KEY", "gpt-6-luna"),
    Preset {
        aliases: &["google"],
        ..hosted(
            "gemini",
            "Google Gemini",
            (Api::GoogleGenerativeAi, "https://generativelanguage.googleapis.com/v1beta"),
            "GEMINI_API_KEY",
            "gemini-3.8-flash",
        )
    },
    hosted("deepseek", "DeepSeek", (CHAT, "https://api.deepseek.com"), "DEEPSEEK_API_KEY", "deepseek-v4-flash"),
    hosted(
        "openrouter",
        "OpenRouter",
        (CHAT, "https://openrouter.ai/api/v1"),
        "OPENROUTER_API_KEY",
        "deepseek/deepseek-v4-flash",
    ),
    hosted("mistral", "Mistral", (CHAT, "https://api.mistral.ai/v1"), "MISTRAL_API_KEY", "mistral-medium-latest"),
    hosted("groq", "Groq", (CHAT, "https://api.groq.com/openai/v1"), "GROQ_API_KEY", "openai/gpt-oss-120b"),
    hosted("xai", "xAI", (CHAT, "https://api.x.ai/v1"), "XAI_API_KEY", "grok-4.5"),
    Preset {
        aliases: &["zai"],
        ..hosted("glm", "Z.ai GLM", (CHAT, "https://api.z.ai/api/paas/v4"), "ZAI_API_KEY", "glm-5.2")
    },
    hosted("minimax", "MiniMax", (CHAT, "https://api.minimax.io/v1"), "MINIMAX_API_KEY", "MiniMax-M3"),
    Preset {
        aliases: &["dashscope"],
        ..hosted(
            "qwen",
            "Alibaba Qwen",
            (CHAT, "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
            "DASHSCOPE_API_KEY",
            "qwen-plus",
        )
    },
    local("ollama", "Ollama", "http://127.0.0.1:11434/v1"),
    local("llamacpp", "llama.cpp", "http://127.0.0.1:8080/v1"),
    local("lmstudio", "LM Studio", "http://127.0.0.1:1234/v1"),
    local("vllm", "vLLM", "http://127.0.0.1:8000/v1"),
    // The embedded model's process is reached through a Unix socket; the host only fills the address.
    local("local", "this machine", "http://localhost/v1"),
];

/// Returns the preset of a name or alias.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name || preset.aliases.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::{PRESETS, preset};
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_aliases_are_found() {
        let names: BTreeSet<&str> =
            PRESETS.iter().flat_map(|preset| preset.aliases.iter().chain([&preset.name])).copied().collect();
        assert_eq!(names.len(), PRESETS.iter().map(|preset| 1 + preset.aliases.len()).sum::<usize>());
        assert_eq!(preset("google").map(|preset| preset.name), Some("gemini"));
        assert_eq!(preset("zai").map(|preset| preset.env_key), Some(Some("ZAI_API_KEY")));
        assert_eq!(preset("nobody"), None);
    }
}
