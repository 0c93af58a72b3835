//! A mistake in the file never keeps Hearth from starting.

use crate::world::World;
use hearth_config::{Error, Source};

#[test]
fn a_section_with_an_error_falls_back_to_its_last_good_state() {
    let world = World::with("{ gateway: { port: 2000 }, tools: { bash: { timeoutSeconds: 5 } } }");
    world.load().remember(&world.home).unwrap();

    world.write("{ gateway: { port: 'x' }, tools: { bash: { timeoutSeconds: 6 } } }");
    let loaded = world.load();
    assert_eq!(loaded.config.gateway.port, 2000);
    assert_eq!(loaded.sources.of("gateway.port"), Some(&Source::LastGood));
    assert_eq!(loaded.config.tools.bash.timeout_seconds, 6, "sections without an error are taken from the file");
    assert!(world.told(&loaded).contains("the last good settings of `gateway` are used"));
}

#[test]
fn without_a_last_good_state_the_defaults_are_used() {
    let world = World::with("{ gateway: { port: 70000 } }");
    let loaded = world.load();
    assert_eq!(loaded.config.gateway.port, 18789);
    assert!(world.told(&loaded).contains("the default settings of `gateway` are used"));
}

#[test]
fn a_file_that_can_not_be_read_falls_back_as_a_whole() {
    let world = World::with("{ gateway: { port: 2000 } }");
    world.load().remember(&world.home).unwrap();
    world.write("{ gateway: { port: ");
    let loaded = world.load();
    assert_eq!(loaded.config.gateway.port, 2000);
    assert!(world.told(&loaded).contains("the last good settings are used"));
}

#[test]
fn a_state_with_errors_is_not_remembered() {
    let world = World::with("{ gateway: { port: 2000 } }");
    world.load().remember(&world.home).unwrap();
    world.write("{ gateway: { port: 0 }, tools: { bash: { timeoutSeconds: 7 } } }");
    world.load().remember(&world.home).unwrap();
    world.write("{");
    let config = world.load().config;
    assert_eq!((config.gateway.port, config.tools.bash.timeout_seconds), (2000, 120));
}

#[test]
fn a_damaged_memory_counts_as_none() {
    let world = World::with("{ gateway: { port: 0 } }");
    for memory in ["", "{", "[]", "{\"gateway\":{\"port\":\"x\"}}", "{\"gateway\":1}"] {
        std::fs::write(world.home.run_dir().join("last-good.json"), memory).unwrap();
        assert_eq!(world.load().config.gateway.port, 18789, "{memory:?}");
    }
}

#[test]
fn nothing_a_file_holds_makes_loading_fail() {
    let deep = "[".repeat(5_000);
    let texts =
        ["", "//", "null", "1", "\u{feff}{}", "{}{}", "{'': {'': 1}}", "\r\n{\r\n}\r\n", "{ gateway: null }", &deep];
    for text in texts {
        let world = World::with(text);
        assert_eq!(world.load().config.gateway.port, 18789, "{text:.20}");
    }
    let world = World::new();
    world.home.create().unwrap();
    std::fs::write(world.home.config_file(), [0xff, 0xfe, b'{']).unwrap();
    assert_eq!(world.load().config.gateway.port, 18789);
}

#[test]
fn an_oversized_file_is_refused_with_its_limit() {
    let world = World::with(&" ".repeat(1024 * 1024 + 1));
    let error = hearth_config::validate(&world.home, &hearth_config::Environment::default()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { bytes: 1_048_577, limit: 1_048_576, .. }), "{error}");
}
