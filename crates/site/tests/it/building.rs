//! Builds are repeatable, small changes are small work, and failures change nothing.

use crate::world::World;
use hearth_site::{Cache, Options, build, new_site};

fn site(posts: usize) -> World {
    let world = World::new(&[]);
    for number in 0..posts {
        world.post(&format!("p{number}"), &format!("date: 2026-01-{:02}", number + 1), "Text with `code` and $x$.");
    }
    world
}

#[test]
fn the_same_folder_gives_the_same_bytes() {
    let (mut one, mut other) = (site(5), site(5));
    one.build();
    other.build();
    assert_eq!(one.files(), other.files());
}

#[test]
fn nothing_changed_means_nothing_done() {
    let mut world = site(5);
    let first = world.build();
    assert_eq!((first.posts, first.rendered, first.changed), (5, 5, first.files));
    let second = world.build();
    assert_eq!((second.rendered, second.changed, second.files), (0, 0, first.files));
    world.cache.save(world.folder.path()).unwrap();
    world.cache = Cache::load(world.folder.path());
    let third = world.build();
    assert_eq!((third.rendered, third.changed), (0, 0), "a cache survives its process");
}

#[test]
fn one_edit_renders_one_post_and_a_lost_page_comes_back() {
    let mut world = site(5);
    world.build();
    world.post("p2", "date: 2026-01-03", "Other text.");
    let report = world.build();
    assert_eq!(report.rendered, 1);
    assert!(report.changed < report.files / 2 && world.read("posts/p2/index.html").contains("Other text."));
    std::fs::remove_file(world.folder.path().join("dist/posts/p4/index.html")).unwrap();
    assert_eq!(world.build().changed, 1);
    assert!(world.has("posts/p4/index.html"));
}

#[test]
fn what_is_gone_is_removed_and_what_is_not_ours_stays() {
    let mut world = site(3);
    world.build();
    world.write("dist/mine.txt", "kept");
    std::fs::remove_file(world.folder.path().join("content/posts/en/p1.md")).unwrap();
    world.build();
    assert!(!world.has("posts/p1") && !world.has("posts/p1.md") && world.has("mine.txt"));
}

#[test]
fn a_mistake_leaves_the_last_good_site() {
    let mut world = site(3);
    world.build();
    let before = world.files();
    world.post("p1", "date: yesterday", "x");
    world.post("p2", "date: 2026-01-03", "changed");
    let error = world.try_build().unwrap_err().to_string();
    assert!(
        error.contains("`yesterday` is no date\n  in content/posts/en/p1.md:3:1\n  hint: write 2026-01-15"),
        "{error}"
    );
    assert_eq!(world.files(), before);
}

#[test]
fn a_new_site_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    new_site(folder.path()).unwrap();
    let report = build(&Options::new(folder.path()), &mut Cache::default()).unwrap();
    assert_eq!((report.posts, report.problems), (8, Vec::new()));
    let checked = hearth_site::check(&Options::new(folder.path())).unwrap();
    assert_eq!(checked.problems, Vec::new());
    assert!(new_site(folder.path()).unwrap_err().to_string().ends_with("is not empty: choose another folder"));
    let workflow = hearth_site::publish_workflow(folder.path()).unwrap();
    assert!(std::fs::read_to_string(workflow).unwrap().contains("run: hearth site build"));
}

#[test]
fn pages_stay_light() {
    let folder = tempfile::tempdir().unwrap();
    new_site(folder.path()).unwrap();
    build(&Options::new(folder.path()), &mut Cache::default()).unwrap();
    let size = |path: &str| std::fs::metadata(folder.path().join("dist").join(path)).unwrap().len();
    assert!(size("posts/writing/index.html") < 16_000);
    let assets = std::fs::read_dir(folder.path().join("dist/assets")).unwrap();
    let bytes: u64 = assets.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 32_000, "{bytes}");
}
