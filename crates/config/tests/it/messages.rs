//! What a person is told about mistakes: where, what, and the command that mends it.

use crate::world::World;
use hearth_config::{Environment, Home, Overrides, set, unset, validate};
use insta::assert_snapshot;

fn told(text: &str) -> String {
    let world = World::with(text);
    let loaded = world.load();
    world.told(&loaded)
}

#[test]
fn an_unknown_key_names_the_nearest() {
    assert_snapshot!(told("{\n  gateway: {\n    prot: 9000,\n  },\n  chanels: {},\n  agents: { list: [{ id: 'a', naem: 'A' }] },\n}"), @r#"
    warning: there is no setting `gateway.prot`; did you mean `port`?
      in HOME/hearth.json5:3:5
      hint: hearth config set gateway.port 9000 && hearth config unset gateway.prot
    warning: there is no setting `chanels`
      in HOME/hearth.json5:5:3
      hint: hearth config unset chanels
    warning: there is no setting `agents.list[0].naem`; did you mean `name`?
      in HOME/hearth.json5:6:31
      hint: hearth config set 'agents.list[0].name' A && hearth config unset 'agents.list[0].naem'
    "#);
}

#[test]
fn a_wrong_value_says_what_fits() {
    assert_snapshot!(told("{\n  gateway: { port: 'nine' },\n  agents: { defaults: { thinkingDefault: 'hihg', maxSteps: 0, timeoutSeconds: 1.5 } },\n}"), @r#"
    error: `gateway.port` must be a whole number from 1 to 65535, not "nine"; the default settings of `gateway` are used
      in HOME/hearth.json5:2:20
      hint: hearth config set gateway.port 18789
    error: `agents.defaults.thinkingDefault` must be one of "off", "low", "medium", "high", not "hihg" (did you mean "high"?); the default settings of `agents` are used
      in HOME/hearth.json5:3:42
      hint: hearth config set agents.defaults.thinkingDefault low
    error: `agents.defaults.maxSteps` must be a whole number from 1 to 1000, not 0; the default settings of `agents` are used
      in HOME/hearth.json5:3:60
      hint: hearth config set agents.defaults.maxSteps 50
    error: `agents.defaults.timeoutSeconds` must be a whole number from 1 to 86400, not 1.5; the default settings of `agents` are used
      in HOME/hearth.json5:3:79
      hint: hearth config set agents.defaults.timeoutSeconds 600
    "#);
    assert_snapshot!(told("{ models: { providers: { x: { baseUrl: 'example.org', apiKey: { vault: 'a' } } }, local: { threads: Infinity } } }"), @r#"
    error: `models.providers.x.baseUrl` must be an address that begins with http:// or https://, not "example.org"; the default settings of `models` are used
      in HOME/hearth.json5:1:40
      hint: hearth config unset models.providers.x.baseUrl
    error: `models.providers.x.apiKey` must be text, { env: … } or { file: … }, not an object; the default settings of `models` are used
      in HOME/hearth.json5:1:63
      hint: hearth config unset models.providers.x.apiKey
    error: `models.local.threads` must be a whole number from 1 to 1024, not Infinity; the default settings of `models` are used
      in HOME/hearth.json5:1:101
      hint: hearth config unset models.local.threads
    "#);
    assert_snapshot!(told("{ agents: { list: [{ name: 'A' }, { id: 'My Agent' }], defaults: { userTimezone: 'Berlin' } }, tools: [] }"), @r#"
    error: `agents.list[0]` lacks `id`; the default settings of `agents` are used
      in HOME/hearth.json5:1:20
    error: `agents.list[1].id` must be a name of a-z, 0-9, - and _, not "My Agent"; the default settings of `agents` are used
      in HOME/hearth.json5:1:41
      hint: hearth config unset 'agents.list[1].id'
    error: `agents.defaults.userTimezone` must be a time zone such as "Europe/Berlin", not "Berlin"; the default settings of `agents` are used
      in HOME/hearth.json5:1:82
      hint: hearth config unset agents.defaults.userTimezone
    error: `tools` must be an object, not a list; the default settings of `tools` are used
      in HOME/hearth.json5:1:103
      hint: hearth config unset tools
    "#);
}

#[test]
fn text_that_can_not_be_read_says_where() {
    let first_line = |text: &str| {
        let told = told(text);
        let mut lines = told.lines().map(str::trim);
        format!("{} {}", lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
    };
    let texts = [
        "{ gateway: { port: 1 }",
        "{ gateway { port: 1 } }",
        "{\n  a: 1\n  b: 2 }",
        "{ a: yes }",
        "{ a: 'x }",
        "{ a: 'x\\u00zz' }",
        "{ a: , }",
        "{ a: 1 } }",
        "[ 1 ]",
        "{ /* a: 1 }",
        "{ ä: 'ü', b: [1, }",
        "\u{0}\u{1}",
    ];
    assert_snapshot!(texts.map(first_line).join("\n"), @r#"
    error: the file can't be read: this `{` has no matching `}`; the default settings are used in HOME/hearth.json5:1:1
    error: the file can't be read: a colon belongs after a setting's name; the default settings are used in HOME/hearth.json5:1:11
    error: the file can't be read: a comma is missing here; the default settings are used in HOME/hearth.json5:2:7
    error: the file can't be read: text needs quotes: `yes`; the default settings are used in HOME/hearth.json5:1:6
    error: the file can't be read: this text has no closing quote on its line; the default settings are used in HOME/hearth.json5:1:6
    error: the file can't be read: after this backslash something else was expected; the default settings are used in HOME/hearth.json5:1:8
    error: the file can't be read: a value was expected, not `,`; the default settings are used in HOME/hearth.json5:1:6
    error: the file can't be read: the settings end before `}`; the default settings are used in HOME/hearth.json5:1:10
    error: the file must hold an object, not a list; the default settings are used in HOME/hearth.json5:1:1
    error: the file can't be read: this comment has no closing `*/`; the default settings are used in HOME/hearth.json5:1:3
    error: the file can't be read: `}` closes nothing that is open here; the default settings are used in HOME/hearth.json5:1:18
    error: the file can't be read: text needs quotes: `\0\u{1}`; the default settings are used in HOME/hearth.json5:1:1
    "#);
}

#[test]
fn a_secret_is_never_repeated() {
    let told = told(
        "{ models: { providers: { a: { apiKye: 'sk-1' }, b: { heders: { x: 'sk-2' } }, c: { apiKey: [\"sk-3\"] } } } }",
    );
    assert!(told.contains("did you mean `apiKey`?") && !told.contains("sk-"), "{told}");
}

#[test]
fn a_repeated_key_is_noticed() {
    assert_snapshot!(told("{ gateway: { port: 1 }, gateway: { port: 2 } }"), @r#"
    warning: `gateway` is set again further down; the later value counts
      in HOME/hearth.json5:1:3
    "#);
}

#[test]
fn a_wrong_variable_is_ignored_and_named() {
    let world = World::new();
    let loaded = world.load_with(&[("HEARTH_PORT", "many"), ("HEARTH_MODLE", "a/b")], &Overrides::default());
    assert_eq!(loaded.config.gateway.port, 18789);
    assert_snapshot!(world.told(&loaded), @r#"
    warning: HEARTH_MODLE means nothing to Hearth; did you mean HEARTH_MODEL?
      in environment HEARTH_MODLE
      hint: unset HEARTH_MODLE
    error: `gateway.port` must be a whole number from 1 to 65535, not "many"; it is ignored
      in environment HEARTH_PORT
      hint: unset HEARTH_PORT
    "#);
}

/// Does what the command would do.
fn typed(home: &Home, command: &str) {
    let words: Vec<_> = command.split(' ').collect();
    match words.as_slice() {
        ["hearth", "config", "set", key, value] => assert!(set(home, key, value).is_ok(), "{command}"),
        ["hearth", "config", "unset", key] => assert_eq!(unset(home, key).ok(), Some(true), "{command}"),
        other => panic!("{other:?} is no command"),
    }
}

#[test]
fn a_hint_works_when_typed() {
    let world = World::with(
        "{\n  gateway: { port: 'nine', prot: 9000 },\n  tools: { bash: { timeoutSeconds: 0 } },\n  x: 1,\n}",
    );
    // Twice, because mending one mistake in a value can bring another to light.
    for _ in 0..2 {
        for hint in world.load().diagnostics.into_iter().filter_map(|diagnostic| diagnostic.hint) {
            hint.split(" && ").for_each(|command| typed(&world.home, command));
        }
    }
    assert_eq!(validate(&world.home, &Environment::default()).unwrap(), []);
    assert_eq!(world.text(), "{\n  gateway: { port: 9000 },\n  tools: { bash: { timeoutSeconds: 120 } },\n}");
}
