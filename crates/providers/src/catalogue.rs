//! What is known about well-known models: context, output, prices. As published by their makers in autumn 2026.

use crate::setup::{Api, ModelSetup, Price, Reasoning};
use hearth_core::model::PromptProfile;

/// Every model that is offered today has at least this much.
pub(crate) const UNKNOWN_CONTEXT_TOKENS: u32 = 32_768;
/// Small enough for every service to accept.
pub(crate) const UNKNOWN_OUTPUT_TOKENS: u32 = 4_096;

/// One family of models: the ids that begin with `prefix` and do not begin with a longer one of the table.
struct Family {
    prefix: &'static str,
    context_tokens: u32,
    max_output_tokens: u32,
    images: bool,
    reasoning: Reasoning,
    /// US dollars for a million tokens: input, output, cache read, cache write.
    price: Option<[f64; 4]>,
}

const fn family(
    prefix: &'static str,
    (context_tokens, max_output_tokens): (u32, u32),
    images: bool,
    reasoning: Reasoning,
    price: Option<[f64; 4]>,
) -> Family {
    Family { prefix, context_tokens, max_output_tokens, images, reasoning, price }
}

const MILLION: u32 = 1_000_000;
const GPT_6: u32 = 1_050_000;
const SEES: bool = true;
const BLIND: bool = false;

/// Grouped by maker. Where a price depends on the prompt's length the lower step is given.
const FAMILIES: &[Family] = &[
    // Anthropic
    family("claude-fable-5", (MILLION, 128_000), SEES, Reasoning::Effort, Some([10.0, 50.0, 1.0, 12.5])),
    family("claude-fable-5-2", (MILLION, 128_000), SEES, Reasoning::Effort, Some([8.0, 40.0, 0.8, 10.0])),
    family("claude-opus-5-5", (MILLION, 128_000), SEES, Reasoning::Effort, Some([4.0, 20.0, 0.2, 5.0])),
    family("claude-opus-5", (MILLION, 128_000), SEES, Reasoning::Effort, Some([5.0, 25.0, 0.5, 6.25])),
    family("claude-opus-4-6", (MILLION, 128_000), SEES, Reasoning::Effort, Some([5.0, 25.0, 0.5, 6.25])),
    family("claude-opus-4-7", (MILLION, 128_000), SEES, Reasoning::Effort, Some([5.0, 25.0, 0.5, 6.25])),
    family("claude-opus-4-8", (MILLION, 128_000), SEES, Reasoning::Effort, Some([5.0, 25.0, 0.5, 6.25])),
    family("claude-opus-4-5", (200_000, 64_000), SEES, Reasoning::Budget, Some([5.0, 25.0, 0.5, 6.25])),
    family("claude-opus-4", (200_000, 32_000), SEES, Reasoning::Budget, Some([15.0, 75.0, 1.5, 18.75])),
    family("claude-sonnet-5-5", (MILLION, 128_000), SEES, Reasoning::Effort, Some([2.0, 10.0, 0.1, 2.5])),
    family("claude-sonnet-5", (MILLION, 128_000), SEES, Reasoning::Effort, Some([2.0, 10.0, 0.2, 2.5])),
    family("claude-sonnet-4-6", (MILLION, 64_000), SEES, Reasoning::Effort, Some([3.0, 15.0, 0.3, 3.75])),
    family("claude-sonnet-4", (200_000, 64_000), SEES, Reasoning::Budget, Some([3.0, 15.0, 0.3, 3.75])),
    family("claude-haiku-5-5", (MILLION, 128_000), SEES, Reasoning::Effort, Some([0.1, 0.5, 0.01, 0.125])),
    family("claude-haiku-4-5", (200_000, 64_000), SEES, Reasoning::Budget, Some([1.0, 5.0, 0.1, 1.25])),
    family("claude-", (200_000, 8_192), SEES, Reasoning::None, None),
    // OpenAI
    family("gpt-6", (GPT_6, 128_000), SEES, Reasoning::Effort, None),
    family("gpt-6-astra", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([10.0, 50.0, 1.0, 12.5])),
    family("gpt-6-sol", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([2.0, 10.0, 0.2, 2.5])),
    family("gpt-6-luna", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([0.1, 0.5, 0.01, 0.125])),
    family("gpt-6.1-sol", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([2.0, 10.0, 0.2, 2.5])),
    family("gpt-6.1-terra", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([1.0, 5.0, 0.1, 1.25])),
    family("gpt-6.2-astra", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([8.0, 40.0, 0.4, 10.0])),
    family("gpt-6.2-sol", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([2.0, 10.0, 0.2, 2.5])),
    family("gpt-5.6-sol", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([4.0, 20.0, 0.4, 5.0])),
    family("gpt-5.6-terra", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([2.0, 12.0, 0.2, 2.5])),
    family("gpt-5.6-luna", (GPT_6, 128_000), SEES, Reasoning::Effort, Some([0.2, 1.2, 0.02, 0.25])),
    family("gpt-5.5", (400_000, 128_000), SEES, Reasoning::Effort, Some([5.0, 30.0, 0.5, 5.0])),
    family("gpt-5.4", (400_000, 128_000), SEES, Reasoning::Effort, Some([2.5, 15.0, 0.25, 2.5])),
    family("gpt-5.4-mini", (400_000, 128_000), SEES, Reasoning::Effort, Some([0.75, 4.5, 0.075, 0.75])),
    family("gpt-5.2", (400_000, 128_000), SEES, Reasoning::Effort, Some([1.75, 14.0, 0.175, 1.75])),
    family("gpt-5", (400_000, 128_000), SEES, Reasoning::Effort, Some([1.25, 10.0, 0.125, 1.25])),
    family("gpt-5-mini", (400_000, 128_000), SEES, Reasoning::Effort, Some([0.25, 2.0, 0.025, 0.25])),
    family("gpt-5-nano", (400_000, 128_000), SEES, Reasoning::Effort, Some([0.05, 0.4, 0.005, 0.05])),
    family("gpt-4.1", (MILLION, 32_768), SEES, Reasoning::None, Some([2.0, 8.0, 0.5, 2.0])),
    family("gpt-4.1-mini", (MILLION, 32_768), SEES, Reasoning::None, Some([0.4, 1.6, 0.1, 0.4])),
    family("gpt-4o", (128_000, 16_384), SEES, Reasoning::None, Some([2.5, 10.0, 1.25, 2.5])),
    family("gpt-4o-mini", (128_000, 16_384), SEES, Reasoning::None, Some([0.15, 0.6, 0.075, 0.15])),
    family("gpt-oss-", (131_072, 32_768), BLIND, Reasoning::Effort, None),
    family("o3", (200_000, 100_000), SEES, Reasoning::Effort, Some([2.0, 8.0, 0.5, 2.0])),
    family("o4-mini", (200_000, 100_000), SEES, Reasoning::Effort, Some([1.1, 4.4, 0.275, 1.1])),
    // Google
    family("gemini-3.8-flash", (MILLION, 65_536), SEES, Reasoning::Effort, Some([0.75, 3.75, 0.075, 0.75])),
    family("gemini-3.5-flash", (MILLION, 64_000), SEES, Reasoning::Effort, Some([1.5, 9.0, 0.15, 1.5])),
    family("gemini-3", (MILLION, 64_000), SEES, Reasoning::Effort, None),
    family("gemini-2.5-pro", (1_048_576, 65_536), SEES, Reasoning::Budget, Some([1.25, 10.0, 0.125, 1.25])),
    family("gemini-2.5-flash", (1_048_576, 65_536), SEES, Reasoning::Budget, Some([0.3, 2.5, 0.03, 0.3])),
    // Open models and their makers' services
    family("deepseek-v4-pro", (MILLION, 384_000), BLIND, Reasoning::None, Some([0.435, 0.87, 0.004, 0.435])),
    family("deepseek-v4-flash", (MILLION, 384_000), BLIND, Reasoning::None, Some([0.14, 0.28, 0.004, 0.14])),
    family("deepseek-", (128_000, 8_192), BLIND, Reasoning::None, None),
    family("glm-5.2", (MILLION, 128_000), BLIND, Reasoning::None, None),
    family("glm-5", (200_000, 128_000), BLIND, Reasoning::None, None),
    family("glm-4", (128_000, 96_000), BLIND, Reasoning::None, None),
    family("minimax-m3", (500_000, 128_000), SEES, Reasoning::None, None),
    family("minimax-m2", (200_000, 128_000), BLIND, Reasoning::None, None),
    family("qwen3", (131_072, 32_768), BLIND, Reasoning::None, None),
    family("qwen2.5", (32_768, 8_192), BLIND, Reasoning::None, None),
    family("qwen-plus", (131_072, 32_768), BLIND, Reasoning::None, None),
    family("mistral-", (128_000, 32_768), BLIND, Reasoning::None, None),
    family("grok-4.5", (500_000, 64_000), SEES, Reasoning::Effort, Some([2.0, 6.0, 0.5, 2.0])),
    family("grok-4", (256_000, 64_000), SEES, Reasoning::None, None),
    family("llama-3", (128_000, 8_192), BLIND, Reasoning::None, None),
];

/// Returns what is known about a model; what is not known gets cautious values ([`ModelSetup::unknown`]).
///
/// Ids with a maker in front (`anthropic/claude-…`, as aggregators write them) are known without prices, because the
/// aggregator sets them.
#[must_use]
pub fn known_model(api: Api, id: &str) -> ModelSetup {
    let lower = id.to_ascii_lowercase();
    let bare = lower.rsplit('/').next().unwrap_or_default();
    // Aggregators write `claude-opus-4.6` where Anthropic writes `claude-opus-4-6`.
    let dashed = bare.replace('.', "-");
    let fits = |family: &&Family| {
        bare.starts_with(family.prefix) || family.prefix.starts_with("claude") && dashed.starts_with(family.prefix)
    };
    let Some(family) = FAMILIES.iter().filter(fits).max_by_key(|family| family.prefix.len()) else {
        return with_profile(ModelSetup::unknown(id), &lower);
    };
    let price = family.price.filter(|_| bare.len() == lower.len() && api_of_maker(family.prefix, api));
    let known = ModelSetup {
        context_tokens: family.context_tokens,
        max_output_tokens: family.max_output_tokens,
        images: family.images,
        price: price.map(|[input, output, cache_read, cache_write]| Price { input, output, cache_read, cache_write }),
        reasoning: family.reasoning,
        ..ModelSetup::unknown(id)
    };
    with_profile(known, &lower)
}

/// A maker's prices hold where its own wire format is spoken; the same name on a local server costs nothing.
fn api_of_maker(prefix: &str, api: Api) -> bool {
    match api {
        Api::AnthropicMessages => prefix.starts_with("claude"),
        Api::GoogleGenerativeAi => prefix.starts_with("gemini"),
        Api::OpenAiResponses | Api::OpenAiCompletions => {
            !prefix.starts_with("claude") && !prefix.starts_with("gemini") && !prefix.starts_with("gpt-oss")
        }
    }
}

/// Models of a few billion parameters say so in their names (`qwen2.5-coder:1.5b`, `Llama-3.2-3B-Instruct`).
fn with_profile(model: ModelSetup, lower_id: &str) -> ModelSetup {
    let small = lower_id.split(['-', ':', '/', '_', ' ']).any(|word| {
        let billions = word.strip_suffix('b').and_then(|number| number.parse::<f32>().ok());
        billions.is_some_and(|billions| billions < 10.0)
    });
    if small { ModelSetup { profile: PromptProfile::Small, ..model } } else { model }
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, known_model};
    use crate::setup::{Api, Price, Reasoning};
    use hearth_core::message::Usage;
    use hearth_core::model::PromptProfile;
    use std::collections::BTreeSet;

    #[test]
    fn the_longest_prefix_decides() {
        let mini = known_model(Api::OpenAiResponses, "gpt-5.4-mini-2026-03-01");
        assert_eq!(mini.price.map(|price| price.output), Some(4.5));
        let old = known_model(Api::AnthropicMessages, "claude-opus-4-5-20251101");
        assert_eq!((old.context_tokens, old.reasoning), (200_000, Reasoning::Budget));
        assert_eq!(FAMILIES.iter().map(|family| family.prefix).collect::<BTreeSet<_>>().len(), FAMILIES.len());
    }

    #[test]
    fn aggregators_ids_are_known_without_prices_and_strangers_are_cautious() {
        let routed = known_model(Api::OpenAiCompletions, "anthropic/claude-opus-4.6");
        assert_eq!((routed.context_tokens, routed.images, routed.price), (1_000_000, true, None));
        let stranger = known_model(Api::OpenAiCompletions, "my-finetune");
        assert_eq!((stranger.context_tokens, stranger.max_output_tokens, stranger.images), (32_768, 4_096, false));
    }

    #[test]
    fn small_models_get_the_small_profile() {
        for (id, profile) in [
            ("qwen2.5-coder:1.5b", PromptProfile::Small),
            ("Llama-3.2-3B-Instruct", PromptProfile::Small),
            ("qwen3-30b-a3b", PromptProfile::Full),
            ("gpt-oss-120b", PromptProfile::Full),
        ] {
            assert_eq!(known_model(Api::OpenAiCompletions, id).profile, profile, "{id}");
        }
    }

    #[test]
    fn costs_are_summed_per_kind_of_token() {
        let price = Price { input: 3.0, output: 15.0, cache_read: 0.3, cache_write: 3.75 };
        let usage =
            Usage { input: 1_000_000, output: 100_000, cache_read: 1_000_000, cache_write: 10_000, ..Usage::default() };
        assert!((price.cost(&usage).total_usd - 4.8375).abs() < 1e-9);
    }
}
