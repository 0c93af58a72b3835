//! What every turn pays before a word is said, and in which order it is said.

use crate::world::{World, small_window};
use hearth_agent::estimate_tokens;
use hearth_core::model::{ModelRequest, PromptProfile};
use hearth_core::session::SessionKey;
use hearth_testkit::scripted::{Reply, ScriptedModel};
use std::fs;

/// The bound on what a new workspace costs: instructions, files and the four tools.
const FIXED_MAX_TOKENS: usize = 1_500;

/// The same for a small model, without the tools: on a processor every hundred tokens are a second.
const SMALL_MAX_TOKENS: usize = 700;

async fn first_request(profile: PromptProfile) -> (World, ModelRequest) {
    let model = ScriptedModel::with_info(small_window(32_000, profile), vec![Reply::text("Hi."), Reply::text("Hi.")]);
    let world = World::with(model, |_| {});
    world.say("hi").await;
    let request = world.model.requests().remove(0);
    (world, request)
}

fn tools_text(request: &ModelRequest) -> String {
    let tools: Vec<String> = request
        .tools
        .iter()
        .map(|tool| {
            serde_json::json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters})
                .to_string()
        })
        .collect();
    tools.join("\n")
}

#[tokio::test]
async fn the_fixed_prompt_of_a_new_workspace_is_small() {
    let tokenizer = tiktoken_rs::o200k_base().expect("the tokenizer");
    let count = |text: &str| tokenizer.encode_with_special_tokens(text).len();
    let (world, full) = first_request(PromptProfile::Full).await;
    let (_, small) = first_request(PromptProfile::Small).await;
    let tools = count(&tools_text(&full));
    let (full_system, small_system) = (count(&full.system), count(&small.system));
    println!("fixed prompt: {} tokens ({full_system} text, {tools} tools)", full_system + tools);
    println!("fixed prompt for small models: {} tokens ({small_system} text, {tools} tools)", small_system + tools);
    assert!(full_system + tools <= FIXED_MAX_TOKENS, "{full_system} + {tools}");
    assert!(small_system <= SMALL_MAX_TOKENS, "{small_system}");

    // The estimate that budgets rest on is near the truth, and on its safe side.
    for text in [full.system.as_ref(), small.system.as_ref(), tools_text(&full).as_str()] {
        let (estimate, truth) = (estimate_tokens(text), count(text));
        assert!(estimate >= truth && estimate <= truth * 3 / 2, "estimated {estimate}, counted {truth}: {text}");
    }
    let report = world.agent.context(&SessionKey::main("main")).expect("a report");
    assert_eq!(report.fixed_tokens, report.parts.iter().map(|part| part.tokens).sum::<usize>());
    assert!(report.fixed_tokens >= full_system + tools && report.history_tokens > 0, "{report:?}");
}

#[test]
fn estimates_hold_for_other_texts_too() {
    let tokenizer = tiktoken_rs::o200k_base().expect("the tokenizer");
    for text in [
        include_str!("../../src/turn.rs"),
        include_str!("../../Cargo.toml"),
        "Die Wärmepumpe braucht im Winter ungefähr dreimal so viel Strom wie im Frühling, sagt der Installateur.",
        "Сегодня вечером будет дождь, а завтра обещают солнце и ветер с моря.",
        "今天晚上会下雨,明天天气晴朗,适合去海边散步。",
        "2026-11-23T19:49:00Z 192.168.178.21 GET /index.html 200 15321 \"Mozilla/5.0 (X11; Linux x86_64)\"",
        "{\"a\":[1,2,3,{\"b\":null}],\"c\":\"d\"}",
    ] {
        let (estimate, truth) = (estimate_tokens(text), tokenizer.encode_with_special_tokens(text).len());
        assert!(estimate * 10 >= truth * 8 && estimate <= truth * 2, "estimated {estimate}, counted {truth}: {text}");
    }
}

#[tokio::test]
async fn the_parts_come_in_order_and_the_changing_ones_last() {
    let (world, first) = first_request(PromptProfile::Full).await;
    let workspace = world.home.workspace();
    fs::write(workspace.join("MEMORY.md"), "- Likes tea.\n").expect("written");
    fs::write(workspace.join("memory/2026-11-23.md"), "- Bought tea.\n").expect("written");
    fs::create_dir_all(workspace.join("skills/brew")).expect("a folder");
    fs::write(workspace.join("skills/brew/SKILL.md"), "---\nname: brew\ndescription: Makes tea.\n---\n")
        .expect("written");
    fs::create_dir_all(world.home.skills().join("hidden")).expect("a folder");
    let hidden = "---\nname: hidden\ndescription: x\ndisable-model-invocation: true\n---\n";
    fs::write(world.home.skills().join("hidden/SKILL.md"), hidden).expect("written");
    fs::remove_file(workspace.join("BOOTSTRAP.md")).expect("removed");
    world.say("and now?").await;
    let report = world.agent.context(&SessionKey::main("main")).expect("a report");
    let names: Vec<&str> = report.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(
        names,
        ["tools", "instructions", "SOUL.md", "AGENTS.md", "IDENTITY.md", "MEMORY.md", "skills", "memory/2026-11-23.md"]
    );
    let system = &world.model.requests()[1].system;
    assert!(system.ends_with("<file path=\"memory/2026-11-23.md\">\n- Bought tea.\n</file>"), "{system}");
    assert!(system.contains("- brew: Makes tea. (skills/brew/SKILL.md)") && !system.contains("hidden"), "{system}");
    // What did not change is word for word the same, so that a provider's cache is hit.
    let same = first.system.find("<file path=\"BOOTSTRAP.md\">").expect("the guide was there");
    assert!(system.starts_with(&first.system[..same]));
}

#[tokio::test]
async fn the_words_a_small_model_is_told() {
    let (_, request) = first_request(PromptProfile::Small).await;
    insta::assert_snapshot!(request.system.as_ref());
}

#[tokio::test]
async fn what_is_read_ahead_is_what_the_next_turn_begins_with() {
    let (world, _) = first_request(PromptProfile::Small).await;
    let ahead = world.agent.opening(&SessionKey::main("main")).expect("an opening");
    world.say("and now?").await;
    let asked = world.model.requests().pop().expect("a request");
    assert_eq!((&ahead.system, &ahead.tools), (&asked.system, &asked.tools));
    assert_eq!(ahead.messages.len(), asked.messages.len());
    let before = ahead.messages.len() - 1;
    assert_eq!(ahead.messages[..before], asked.messages[..before]);
}
