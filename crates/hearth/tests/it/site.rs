//! A site from the command line: made, checked, built, and told what is wrong.

use crate::world::World;

#[tokio::test]
async fn a_new_site_builds_and_a_second_build_changes_nothing() {
    let world = World::new();
    let folder = world.root().join("my-site");
    let folder_text = folder.to_str().unwrap();
    let made = world.run(&["site", "new", folder_text]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let first = world.run(&["site", "build", folder_text, "--json"]).await.json();
    assert_eq!(first["problems"], serde_json::json!([]), "{first}");
    assert!(folder.join("dist/index.html").is_file() && folder.join("dist/llms.txt").is_file());
    let second = world.run(&["site", "build", folder_text, "--json"]).await.json();
    assert_eq!((second["changed"].as_u64(), second["rendered"].as_u64()), (Some(0), Some(0)), "{second}");
    let again = world.run(&["site", "new", folder_text]).await;
    assert_eq!((again.code, again.stderr.contains("not empty")), (Some(1), true), "{again:?}");
}

#[tokio::test]
async fn a_wrong_text_is_named_with_its_line() {
    let world = World::new();
    let folder = world.root().join("s");
    world.run(&["site", "new", folder.to_str().unwrap()]).await;
    let post = folder.join("content/posts/en/broken.md");
    std::fs::write(&post, "---\ntitle: Broken\ndate: \"2026-1-2\"\n---\n\nText.\n").unwrap();
    let done = world.run(&["site", "check", folder.to_str().unwrap()]).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stderr.contains("broken.md:3:"), "{done:?}");
}
