//! Exact replacements, all or none.

use crate::world::World;
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[tokio::test]
async fn edits_are_made_and_shown() {
    let world = World::new();
    world.write("workspace/a", "one\ntwo\nthree\nfour\nfive\nsix\n");
    fs::set_permissions(world.path("workspace/a"), Permissions::from_mode(0o600)).expect("the mode");
    let edits = json!([{"oldText": "five\n", "newText": ""}, {"oldText": "one", "newText": "1"}]);
    let expected = "edited a in 2 places\n@@ -1,6 +1,5 @@\n-one\n+1\n two\n three\n four\n-five\n six\n";
    world.check("edit", json!({"path": "a", "edits": edits}), expected).await;
    assert_eq!(world.text("workspace/a"), "1\ntwo\nthree\nfour\nsix\n");
    assert_eq!(fs::metadata(world.path("workspace/a")).expect("the file").mode() & 0o7777, 0o600);
    let everywhere = json!([{"oldText": "t", "newText": "T", "replaceAll": true}]);
    world.check_start("edit", json!({"path": "a", "edits": everywhere}), "edited a in 2 places\n").await;
    assert_eq!(world.text("workspace/a"), "1\nTwo\nThree\nfour\nsix\n");
    assert_eq!(world.names("workspace"), ["a"]);
}

#[tokio::test]
async fn marks_and_line_breaks_of_the_file_stay() {
    let world = World::new();
    world.write("workspace/a", "\u{feff}one\r\ntwo\r\n");
    let edits = json!([{"oldText": "one\ntwo", "newText": "1\n2\n3"}]);
    world.check_start("edit", json!({"path": "a", "edits": edits}), "edited a in 1 place\n").await;
    assert_eq!(world.text("workspace/a"), "\u{feff}1\r\n2\r\n3\r\n");
}

#[tokio::test]
async fn a_failed_edit_changes_nothing() {
    let world = World::new();
    let text = "fn main() {\n\tprintln!(\"one\");\n\tprintln!(\"one\");\n}\n";
    world.write("workspace/a", text);
    world.write("workspace/binary", b"\xff\x00");
    for (path, edits, expected) in [
        ("a", json!([]), "arguments: edits is empty; give at least one {\"oldText\", \"newText\"}"),
        (
            "a",
            json!([{"oldText": "main", "newText": "start"}, {"oldText": "one", "newText": "two"}]),
            "failed: a: edit 2 of 2: oldText occurs 2 times (lines 2, 3); add neighbouring lines until it is unique, \
             or set replaceAll to true\nNo edit was made.",
        ),
        (
            "a",
            json!([{"oldText": "fn main() {\n    println!(\"one\");", "newText": "x"}]),
            "failed: a: oldText was not found. The nearest is at line 1 (it differs in indentation; tabs are shown as \
             <TAB>):\nfn main() {\n<TAB>println!(\"one\");",
        ),
        (
            "binary",
            json!([{"oldText": "a", "newText": "b"}]),
            "failed: binary is not text in UTF-8; convert it with bash (iconv) first",
        ),
        ("b", json!([{"oldText": "a", "newText": "b"}]), "failed: there is no b; the folder has: binary, a"),
        (".", json!([{"oldText": "a", "newText": "b"}]), "failed: . is a folder, not a file"),
    ] {
        world.check("edit", json!({"path": path, "edits": edits}), expected).await;
    }
    assert_eq!(world.text("workspace/a"), text);
    assert_eq!(world.names("workspace"), ["a", "binary"]);
}

#[tokio::test]
async fn large_files_are_edited_in_bounded_words() {
    let world = World::new();
    let text: String = (0..50_000).map(|line| format!("this is line number {line} of a long file\n")).collect();
    world.write("workspace/a", &text);
    let near = json!([{"oldText": "this is line number 777 of the long file", "newText": "x"}]);
    let answer = world.call("edit", json!({"path": "a", "edits": near})).await;
    assert!(answer.contains("is line number") && answer.len() < 1_000, "{answer}");
    let all = json!([{"oldText": "is line", "newText": "was line", "replaceAll": true}]);
    let answer = world.call("edit", json!({"path": "a", "edits": all})).await;
    assert!(answer.starts_with("edited a in 50000 places\n") && answer.len() < 5_000, "{}", answer.len());
    assert_eq!(world.text("workspace/a"), text.replace("is line", "was line"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_at_the_same_time_lose_nothing() {
    let world = World::new();
    let lines: Vec<String> = (0..20).map(|line| format!("line {line} old\n")).collect();
    world.write("workspace/a", lines.concat());
    let edit = |line| {
        let edits = json!([{"oldText": format!("line {line} old"), "newText": format!("line {line} new")}]);
        world.call("edit", json!({"path": "a", "edits": edits}))
    };
    let answers = futures_util::future::join_all((0..20).map(edit)).await;
    assert!(answers.iter().all(|answer| answer.starts_with("edited a in 1 place\n")), "{answers:?}");
    assert_eq!(world.text("workspace/a"), lines.concat().replace("old", "new"));
}
