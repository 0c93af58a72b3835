//! Defaults, file, environment, flags: who wins, and who says so.

use crate::world::World;
use hearth_config::{ApiKey, GrantAccess, ModelChoice, Overrides, ProviderApi, get, settings};

#[test]
fn a_home_without_a_file_has_the_defaults() {
    let world = World::new();
    let loaded = world.load();
    assert_eq!(world.told(&loaded), "");
    assert_eq!(loaded.config.gateway.port, 18789);
    assert_eq!(loaded.config.agents.defaults.model, ModelChoice::default());
    assert!(loaded.sources.iter().all(|(_, source)| source.to_string() == "default"));
}

#[test]
fn each_layer_wins_over_the_one_below() {
    let world = World::with("{ gateway: { port: 2000 } }");
    let port = |variables: &[(&str, &str)], flag: Option<u16>| {
        let loaded = world.load_with(variables, &Overrides { port: flag, ..Overrides::default() });
        let source = loaded.sources.of("gateway.port").map(ToString::to_string).unwrap();
        (loaded.config.gateway.port, source.rsplit('/').next().unwrap().to_owned())
    };
    assert_eq!(port(&[], None), (2000, "hearth.json5:1:20".to_owned()));
    assert_eq!(port(&[("HEARTH_PORT", "3000")], None), (3000, "environment HEARTH_PORT".to_owned()));
    assert_eq!(port(&[("HEARTH_PORT", "3000")], Some(4000)), (4000, "flag --port".to_owned()));
}

#[test]
fn objects_are_merged_and_lists_replaced() {
    let world = World::with(
        "{
          agents: { defaults: { maxSteps: 7, model: { fallbacks: ['b/c'] } } },
          models: { providers: { mine: {
            baseUrl: 'http://127.0.0.1:1/v1', api: 'openai-completions', apiKey: { env: 'MY_KEY' }, headers: { 'x-a': '1' },
            models: [{ id: 'm', contextWindow: 0x2000, cost: { input: .5, output: 2. } }],
          } } },
          tools: { grants: [{ path: '~/notes', access: 'readWrite' }, { path: '/srv' }] },
        }",
    );
    let loaded = world.load_with(&[("HEARTH_MODEL", "mine/m")], &Overrides::default());
    assert_eq!(world.told(&loaded), "");
    let defaults = &loaded.config.agents.defaults;
    assert_eq!((defaults.max_steps, defaults.timeout_seconds), (7, 600));
    let chain = ModelChoice { primary: Some("mine/m".to_owned()), fallbacks: vec!["b/c".to_owned()] };
    assert_eq!(defaults.model, chain);
    let mine = &loaded.config.models.providers["mine"];
    assert_eq!(mine.api.map(ProviderApi::as_str), Some("openai-completions"));
    assert_eq!(mine.api_key, Some(ApiKey::Env { env: "MY_KEY".to_owned() }));
    assert_eq!((mine.models[0].context_window, mine.models[0].cost.map(|cost| cost.input)), (Some(8192), Some(0.5)));
    let access: Vec<_> = loaded.config.tools.grants.iter().map(|grant| grant.access).collect();
    assert_eq!(access, [GrantAccess::ReadWrite, GrantAccess::Read]);
}

#[test]
fn a_model_may_be_written_in_short() {
    let world = World::with("{ agents: { defaults: { model: 'a/b' }, list: [{ id: 'work', model: 'c/d' }] } }");
    let config = world.load().config;
    assert_eq!(config.agents.model_of("main").primary.as_deref(), Some("a/b"));
    assert_eq!(config.agents.model_of("work").primary.as_deref(), Some("c/d"));
}

#[test]
fn every_value_can_be_shown_with_its_source_and_no_key_is() {
    let world = World::with(
        "{ models: { providers: { a: { apiKey: 'sk-secret', headers: { auth: 'sk-secret' } },\n b: { apiKey: { env: 'B' } } } } }",
    );
    let loaded = world.load();
    assert_eq!(get(&loaded, "gateway.port").unwrap(), 18789);
    assert_eq!(get(&loaded, "agents.defaults.userTimezone").unwrap(), serde_json::Value::Null);
    let shown = settings(&loaded, "models.providers").unwrap();
    let shown: Vec<_> = shown
        .iter()
        .map(|s| format!("{} = {} ({})", s.key, s.value, s.source.to_string().rsplit('/').next().unwrap()))
        .collect();
    assert_eq!(
        shown,
        [
            "models.providers.a.apiKey = \"(hidden)\" (hearth.json5:1:39)",
            "models.providers.a.headers.auth = \"(hidden)\" (hearth.json5:1:69)",
            "models.providers.b.apiKey.env = \"B\" (hearth.json5:2:22)",
        ]
    );
    assert!(!get(&loaded, "").unwrap().to_string().contains("sk-secret"));
    assert!(!format!("{:?}", loaded.config).contains("sk-secret"), "a literal key shows in debug output");
    assert_eq!(
        get(&loaded, "gateway.prot").unwrap_err().to_string(),
        "there is no setting `gateway.prot`; did you mean `gateway.port`?"
    );
}
