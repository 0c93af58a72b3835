//! Whole files, atomically.

use crate::world::World;
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[tokio::test]
async fn files_and_their_folders_are_made() {
    let world = World::new();
    world
        .check(
            "write",
            json!({"path": "notes/deep/todo.md", "content": "a\nb\nc"}),
            "wrote notes/deep/todo.md: 3 lines, 5 bytes (new file)",
        )
        .await;
    assert_eq!(world.text("workspace/notes/deep/todo.md"), "a\nb\nc");
    world
        .check(
            "write",
            json!({"path": "notes/deep/todo.md", "content": ""}),
            "wrote notes/deep/todo.md: 0 lines, 0 bytes (replaced 5 bytes)",
        )
        .await;
    assert_eq!(world.names("workspace/notes/deep"), ["todo.md"]);
    let absolute = world.path("workspace/x");
    world.check("write", json!({"path": absolute, "content": "x"}), "wrote x: 1 lines, 1 bytes (new file)").await;
    world
        .check(
            "write",
            json!({"path": "~/writable/y", "content": "y"}),
            "wrote ~/writable/y: 1 lines, 1 bytes (new file)",
        )
        .await;
    assert_eq!(world.text("writable/y"), "y");
}

#[tokio::test]
async fn a_replaced_file_keeps_its_mode_and_readers_keep_the_old_one() {
    let world = World::new();
    world.write("workspace/run", "old");
    fs::set_permissions(world.path("workspace/run"), Permissions::from_mode(0o750)).expect("the mode");
    let reader = fs::File::open(world.path("workspace/run")).expect("the old file");
    world
        .check("write", json!({"path": "run", "content": "new!"}), "wrote run: 1 lines, 4 bytes (replaced 3 bytes)")
        .await;
    assert_eq!(fs::metadata(world.path("workspace/run")).expect("the file").mode() & 0o7777, 0o750);
    assert_eq!(std::io::read_to_string(reader).expect("the old content"), "old");
    fs::set_permissions(world.path("workspace/run"), Permissions::from_mode(0o444)).expect("the mode");
    let refused = "failed: run is read-only; make it writable first (bash: chmod u+w)";
    world.check("write", json!({"path": "run", "content": "x"}), refused).await;
    assert_eq!(world.names("workspace"), ["run"]);
}

#[tokio::test]
async fn what_cannot_be_written_stays() {
    let world = World::with(|config| config.write_cap_bytes = 10);
    fs::create_dir(world.path("workspace/folder")).expect("a folder");
    world.write("workspace/file", "x");
    for (path, expected) in [
        ("folder", "failed: folder is a folder; name a file in it"),
        (".", "failed: . is a folder; name a file in it"),
        ("file/x", "failed: cannot write file/x: a file stands where the path needs a folder"),
        ("", "arguments: the path is empty; name a file, for example notes/todo.md"),
    ] {
        world.check("write", json!({"path": path, "content": "y"}), expected).await;
    }
    let refused = "arguments: content has 11 bytes; at most 10 can be written";
    world.check("write", json!({"path": "file", "content": "01234567890"}), refused).await;
    assert_eq!(world.text("workspace/file"), "x");
    assert_eq!(world.names("workspace"), ["file", "folder"]);
}
