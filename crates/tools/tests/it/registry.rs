//! Whatever a model writes is run, or answered with what it should have written.

use crate::world::World;
use hearth_core::tool::Caller;
use hearth_tools::{Error, Grant, Registry, ToolsConfig};
use serde_json::{Value, json};

const EDIT_USAGE: &str = r#"Its arguments are {"path": string, "edits": [{"oldText": string, "newText": string, "replaceAll"?: boolean}, …]}"#;

#[tokio::test]
async fn the_tools_are_described_in_few_words() {
    let specs = World::new().registry.specs();
    assert_eq!(specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>(), ["read", "write", "edit", "bash"]);
    let written: Vec<Value> = specs
        .iter()
        .map(|spec| json!({"name": spec.name, "description": spec.description, "parameters": spec.parameters}))
        .collect();
    let length = Value::from(written).to_string().len();
    assert!(length <= 1_500, "the specs take {length} bytes of every prompt");
}

#[tokio::test]
async fn names_and_arguments_are_understood_generously() {
    let world = World::new();
    world.write("workspace/a", "1\n2\n3\n4\n");
    for arguments in [
        json!({"path": "a", "offset": 2, "limit": 1}),
        json!({"path": "a", "offset": "2", "limit": "1"}),
        json!({"path": "a", "offset": 2.0, "limit": 1}),
        json!({"file_path": "a", "start_line": 2, "limit": 1}),
        json!({"arguments": {"path": "a", "offset": 2, "limit": 1}}),
        json!({"arguments": "{\"path\": \"a\", \"offset\": 2, \"limit\": 1}"}),
    ] {
        world.check("Read", arguments, "2\n[lines 2-2 of 4; to go on: offset 3]").await;
    }
    world
        .check(
            "read",
            json!({"path": "a", "limit": null, "offset": 4, "why": "x"}),
            "4\n[lines 4-4 of 4: the end]\n(ignored unknown arguments: why)",
        )
        .await;
    world.check("write", json!({"path": "n", "content": 12}), "wrote n: 1 lines, 2 bytes (new file)").await;
    world
        .check("write", json!({"path": "n", "content": {"a": [1]}}), "wrote n: 5 lines, 23 bytes (replaced 2 bytes)")
        .await;
    assert_eq!(world.text("workspace/n"), "{\n  \"a\": [\n    1\n  ]\n}\n");
}

#[tokio::test]
async fn one_edit_needs_no_list() {
    let world = World::new();
    for arguments in [
        json!({"path": "a", "edits": {"oldText": "1", "newText": "2"}}),
        json!({"path": "a", "edits": "[{\"oldText\": \"1\", \"newText\": \"2\"}]"}),
        json!({"path": "a", "oldText": "1", "newText": "2"}),
        json!({"file_path": "a", "old_string": "1", "new_string": "2", "replace_all": "false"}),
        json!({"path": "a", "edits": [{"old_string": "1", "new_string": 2}]}),
    ] {
        world.write("workspace/a", "1\n");
        world.check("edit", arguments, "edited a in 1 place\n@@ -1 +1 @@\n-1\n+2\n").await;
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_explained() {
    let world = World::new();
    world
        .check("search", json!({}), "arguments: there is no tool `search`; the tools are: read, write, edit, bash")
        .await;
    world
        .check("read", json!({}), r#"arguments: read: `path` is missing. Its arguments are {"path": string, "offset"?: integer, "limit"?: integer}"#)
        .await;
    world
        .check(
            "write",
            json!({"__unparsed": "{\"path\": \"a"}),
            r#"arguments: write: the arguments must be one JSON object, not `{"path": "a`. Its arguments are {"path": string, "content": string}"#,
        )
        .await;
    world.check("edit", json!({"path": "a"}), &format!("arguments: edit: `edits` is missing. {EDIT_USAGE}")).await;
    world
        .check(
            "edit",
            json!({"path": "a", "edits": [{"oldText": "x"}]}),
            &format!("arguments: edit: in `edits`, `newText` is missing. {EDIT_USAGE}"),
        )
        .await;
    world
        .check_start(
            "read",
            json!({"path": "a", "offset": "two"}),
            "arguments: read: `offset` must be an integer, not `\"two\"`.",
        )
        .await;
    world.check_start("read", json!({"path": ["a"]}), "arguments: read: `path` must be a string, not `[\"a\"]`.").await;
    world
        .check("read", json!({"path": "a", "offset": -1}), "arguments: offset can't be negative; lines count from 1")
        .await;
    world.check("bash", json!({}), "arguments: give a command, for example {\"command\": \"ls -l\"}").await;
    world.check("bash", json!({"poll": "1", "kill": "1"}), "arguments: give only one of command, poll and kill").await;
}

#[tokio::test]
async fn only_the_owner_runs_commands() {
    let mut world = World::new();
    world.caller = Caller::Guest;
    let refused = "denied: only the owner of this assistant may use bash; answer without it";
    world.check("bash", json!({"command": "touch done"}), refused).await;
    world.check("Bash", json!({"poll": "b1"}), refused).await;
    assert_eq!(world.names("workspace"), Vec::<String>::new());
    world.check("read", json!({"path": "."}), ". is a folder with 0 entries").await;
}

#[tokio::test]
async fn a_stopped_turn_calls_nothing() {
    let world = World::new();
    world.cancel.cancel();
    for (name, arguments) in [
        ("write", json!({"path": "a", "content": "x"})),
        ("bash", json!({"command": "touch a"})),
        ("read", json!({"path": "."})),
    ] {
        world.check(name, arguments, "cancelled").await;
    }
    assert_eq!(world.names("workspace"), Vec::<String>::new());
}

#[test]
fn what_cannot_be_set_up_says_why() {
    let missing = Registry::core(ToolsConfig::new("/no/such/workspace", Vec::new()));
    assert!(matches!(missing, Err(Error::Workspace { .. })));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = ToolsConfig::new(folder.path(), Vec::new());
    config.grants = vec![Grant { path: "notes".into(), access: hearth_tools::Access::Read }];
    assert!(matches!(Registry::core(config), Err(Error::RelativeGrant { .. })));
}
