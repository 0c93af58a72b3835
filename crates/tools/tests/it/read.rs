//! Text by lines, images, folders, and what is none of them.

use crate::world::World;
use hearth_core::message::Content;
use serde_json::json;
use std::fs;

#[tokio::test]
async fn text_is_read_by_lines() {
    let world = World::new();
    for (content, expected) in [
        ("one\ntwo\n", "one\ntwo\n"),
        ("no end", "no end\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("\u{feff}marked\n", "marked\n"),
        ("\n\n", "\n\n"),
        ("", "(a is empty)"),
    ] {
        world.write("workspace/a", content);
        world.check("read", json!({"path": "a"}), expected).await;
    }
    world.write("workspace/a", b"caf\xe9\n");
    world.check("read", json!({"path": "a"}), "caf\u{fffd}\n").await;
}

#[tokio::test]
async fn long_files_come_in_parts() {
    let world = World::new();
    let lines: String = (1..=5_000).map(|line| format!("line {line}\n")).collect();
    world.write("workspace/long", &lines);
    let text = world.call("read", json!({"path": "long"})).await;
    assert!(
        text.starts_with("line 1\n") && text.ends_with("line 2000\n[lines 1-2000 of 5000; to go on: offset 2001]"),
        "{text}"
    );
    let text = world.call("read", json!({"path": "long", "offset": 4_999})).await;
    assert_eq!(text, "line 4999\nline 5000\n[lines 4999-5000 of 5000: the end]");
    let past = "failed: offset 5001 is past the end: long has 5000 lines";
    world.check("read", json!({"path": "long", "offset": 5_001}), past).await;

    world.write("workspace/wide", (("x".repeat(999)) + "\n").repeat(100));
    let text = world.call("read", json!({"path": "wide"})).await;
    assert!(text.ends_with("\n[lines 1-50 of 100; to go on: offset 51]") && text.len() < 50_100, "{}", text.len());
}

#[tokio::test]
async fn long_lines_are_cut_between_characters() {
    let world = World::new();
    world.write("workspace/a", format!("{}\nnext\n", "ö".repeat(500_000)));
    let text = world.call("read", json!({"path": "a"})).await;
    assert_eq!(text, format!("{}… [line 1 cut: 1000000 bytes long]\nnext\n", "ö".repeat(1_000)));
    world.write("workspace/a", format!("x{}", "ö".repeat(500_000)));
    let text = world.call("read", json!({"path": "a"})).await;
    assert_eq!(text, format!("x{}… [line 1 cut: 1000001 bytes long]\n", "ö".repeat(999)));
}

#[tokio::test]
async fn images_are_shown() {
    let world = World::new();
    let png = [b"\x89PNG\r\n\x1a\n".as_slice(), &[0; 92]].concat();
    for (start, mime_type) in [
        (png.as_slice(), "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ] {
        world.write("workspace/picture", start);
        let output = world.output("read", json!({"path": "picture"})).await.expect("an image");
        assert!(
            matches!(&output.content[1], Content::Image { mime_type: found, .. } if found == mime_type),
            "{mime_type}"
        );
    }
    world.write("workspace/picture", &png);
    world.check("read", json!({"path": "picture"}), "picture: image/png, 100 bytes<image/png 136 characters>").await;
    let small = World::with(|config| config.image_cap_bytes = 99);
    small.write("workspace/picture", &png);
    let refused = "failed: picture is an image of more than 99 bytes; make a smaller copy first";
    small.check("read", json!({"path": "picture"}), refused).await;
}

#[tokio::test]
async fn binary_files_are_named() {
    let world = World::new();
    for (content, kind) in [
        (b"\x7fELF\0\0".as_slice(), "a binary file (6 bytes)"),
        (b"%PDF-1.7\n", "a PDF (9 bytes)"),
        (b"PK\x03\x04..", "a zip archive or office document (6 bytes)"),
        (b"\xff\xfeh\0i\0", "text in UTF-16 (6 bytes)"),
    ] {
        world.write("workspace/a", content);
        let expected = format!("failed: a is {kind}, not text; look at it with bash (file, strings, xxd)");
        world.check("read", json!({"path": "a"}), &expected).await;
    }
}

#[tokio::test]
async fn folders_are_listed() {
    let world = World::new();
    fs::create_dir(world.path("workspace/notes")).expect("a folder");
    world.write("workspace/notes/b", "12");
    fs::create_dir(world.path("workspace/notes/a")).expect("a folder");
    let expected = "notes is a folder with 2 entries\na/\nb  2 bytes";
    world.check("read", json!({"path": "notes"}), expected).await;
    world.check("read", json!({"path": "notes/"}), expected).await;
    world.check("read", json!({"path": "."}), ". is a folder with 1 entries\nnotes/").await;
    for index in 0..600 {
        world.write(&format!("workspace/notes/a/{index:03}"), "");
    }
    let text = world.call("read", json!({"path": "notes/a"})).await;
    assert!(text.ends_with("\n499  0 bytes\n[100 more; find the one you need with bash: ls, find]"), "{text}");
}

#[tokio::test]
async fn a_missing_file_is_answered_with_what_is_there() {
    let world = World::new();
    world.check("read", json!({"path": "todo.md"}), "failed: there is no todo.md; the folder is empty").await;
    fs::create_dir(world.path("workspace/notes")).expect("a folder");
    for name in ["todos.md", "shopping.txt", "Minutes.md"] {
        world.write(&format!("workspace/notes/{name}"), "");
    }
    let text = world.call("read", json!({"path": "notes/todo.md"})).await;
    assert!(text.starts_with("failed: there is no notes/todo.md; notes/ has: todos.md, "), "{text}");
    let text = world.call("read", json!({"path": "note/deep/minutes.md"})).await;
    assert_eq!(text, "failed: there is no note/deep/minutes.md; the folder has: notes");
    world
        .check(
            "read",
            json!({"path": "notes/todos.md/x"}),
            "failed: cannot read notes/todos.md/x: a file stands where the path needs a folder",
        )
        .await;
}
