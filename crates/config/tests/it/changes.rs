//! Setting and removing values through the command's functions.

use crate::world::World;
use hearth_config::{set, unset};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

fn refused(world: &World, key: &str, value: &str) -> String {
    set(&world.home, key, value).unwrap_err().to_string()
}

#[test]
fn a_value_is_understood_as_its_setting_needs_it() {
    let world = World::new();
    assert_eq!(set(&world.home, "gateway.port", "0x4650").unwrap(), json!(18000));
    assert_eq!(
        set(&world.home, "agents.defaults.model.primary", "anthropic/claude").unwrap(),
        json!("anthropic/claude")
    );
    assert_eq!(set(&world.home, "models.providers.x.headers.v", "2").unwrap(), json!("2"));
    assert_eq!(set(&world.home, "agents.defaults.maxCostUsd", "null").unwrap(), json!(null));
    assert_eq!(set(&world.home, "agents.list", "[{ id: 'work' }]").unwrap(), json!([{"id": "work"}]));
    assert_eq!(set(&world.home, "agents.list[0].name", "Work").unwrap(), json!("Work"));
    assert_eq!(set(&world.home, "agents.list.1", "{ id: 'play' }").unwrap(), json!({"id": "play"}));

    let loaded = world.load();
    assert_eq!(world.told(&loaded), "");
    assert_eq!(loaded.config.gateway.port, 18000);
    let names: Vec<_> =
        loaded.config.agents.list.iter().map(|agent| (agent.id.as_str(), agent.name.as_deref())).collect();
    assert_eq!(names, [("work", Some("Work")), ("play", None)]);
}

#[test]
fn a_change_keeps_comments_and_finds_its_place() {
    let world = World::new();
    world.home.create().unwrap();
    let before = world.text();
    set(&world.home, "gateway.port", "18800").unwrap();
    let after = world.text();
    assert_eq!(after, before.replace("    // port: 18789,\n", "    // port: 18789,\n    port: 18800,\n"));
    assert!(unset(&world.home, "gateway.port").unwrap());
    assert_eq!(world.text(), before);
    assert!(!unset(&world.home, "gateway.port").unwrap());
}

#[test]
fn nothing_wrong_is_written() {
    let world = World::with("{ gateway: { port: 1 } } // mine");
    assert_eq!(
        refused(&world, "gateway.port", "x"),
        "`gateway.port` must be a whole number from 1 to 65535, not \"x\""
    );
    assert_eq!(
        refused(&world, "gateway.prot", "1"),
        "there is no setting `gateway.prot`; did you mean `gateway.port`?"
    );
    assert_eq!(refused(&world, "gateway", "{ prot: 1 }"), "there is no setting `gateway.prot`; did you mean `port`?");
    assert_eq!(refused(&world, "agents.list[0]", "{}"), "`agents.list[0]` lacks `id`");
    assert_eq!(refused(&world, "agents.list[3].id", "x"), "`agents.list` has 0 entries: there is no entry 3");
    assert_eq!(refused(&world, "a..b", "x"), "`a..b` is not a setting's name: a part is empty");
    assert_eq!(world.text(), "{ gateway: { port: 1 } } // mine");
}

#[test]
fn the_short_form_of_a_model_can_be_changed() {
    let world = World::with("{ agents: { defaults: { model: 'a/b' } } }");
    set(&world.home, "agents.defaults.model.primary", "c/d").unwrap();
    assert_eq!(world.text(), "{ agents: { defaults: { model: \"c/d\" } } }");
}

#[test]
fn an_unreadable_file_is_not_touched() {
    let world = World::with("{ gateway: ");
    let told = refused(&world, "gateway.port", "1");
    assert!(told.contains("hearth.json5:1:"), "{told}");
    assert_eq!(world.text(), "{ gateway: ");
}

#[test]
fn other_mistakes_do_not_hinder_mending_one() {
    let world = World::with("{ gateway: { port: 'x' }, tools: 5 }");
    set(&world.home, "gateway.port", "2000").unwrap();
    assert_eq!(world.load().config.gateway.port, 2000);
}

#[test]
fn the_file_stays_private_and_a_link_stays_a_link() {
    let world = World::with("{}");
    let real = world.path("dotfiles.json5");
    std::fs::rename(world.home.config_file(), &real).unwrap();
    std::os::unix::fs::symlink(&real, world.home.config_file()).unwrap();
    set(&world.home, "gateway.port", "2000").unwrap();
    assert!(world.home.config_file().is_symlink());
    assert_eq!(std::fs::read_to_string(&real).unwrap(), "{ gateway: { port: 2000 } }");
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
