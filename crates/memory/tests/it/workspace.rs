//! The workspace as a person and a crash leave it.

use hearth_memory::{Error, Layer, Limits, Workspace};
use jiff::civil::{Date, date};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const TODAY: Date = date(2026, 11, 23);

fn names(workspace: &Workspace) -> Vec<String> {
    workspace.load(&Limits::default(), TODAY).into_iter().map(|part| part.name).collect()
}

fn listing(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root)
        .expect("the workspace can be listed")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    names
}

const NEW: [&str; 10] = [
    "AGENTS.md",
    "BOOTSTRAP.md",
    "HEARTBEAT.md",
    "IDENTITY.md",
    "MEMORY.md",
    "SOUL.md",
    "TOOLS.md",
    "USER.md",
    "memory",
    "skills",
];

#[test]
fn a_new_workspace_has_every_file_and_loads_in_order() {
    let home = TempDir::new().expect("a folder");
    let workspace = Workspace::open_or_create(home.path().join("a/workspace")).expect("made");
    assert_eq!(listing(workspace.root()), NEW);
    // What says nothing yet costs nothing.
    assert_eq!(names(&workspace), ["SOUL.md", "AGENTS.md", "IDENTITY.md", "BOOTSTRAP.md"]);

    for name in ["USER.md", "TOOLS.md", "MEMORY.md", "HEARTBEAT.md"] {
        fs::write(workspace.root().join(name), "- something\n").expect("written");
    }
    for day in ["2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"] {
        fs::write(workspace.root().join(format!("memory/{day}.md")), "- rain\n").expect("written");
    }
    assert_eq!(
        names(&workspace),
        [
            "SOUL.md",
            "AGENTS.md",
            "USER.md",
            "TOOLS.md",
            "IDENTITY.md",
            "MEMORY.md",
            "BOOTSTRAP.md",
            "memory/2026-11-22.md",
            "memory/2026-11-23.md"
        ]
    );
}

#[test]
fn templates_carry_no_notes_for_people_into_the_prompt() {
    let home = TempDir::new().expect("a folder");
    let workspace = Workspace::open_or_create(home.path().to_owned()).expect("made");
    for part in workspace.load(&Limits::default(), TODAY) {
        assert!(!part.text.contains("<!--"), "{}", part.name);
        assert_eq!(part.cut, None, "{}", part.name);
    }
}

#[test]
fn what_a_person_deleted_or_changed_stays_so() {
    let home = TempDir::new().expect("a folder");
    let workspace = Workspace::open_or_create(home.path().to_owned()).expect("made");
    fs::remove_file(home.path().join("BOOTSTRAP.md")).expect("removed");
    fs::write(home.path().join("SOUL.md"), "Be brief.").expect("written");
    let again = Workspace::open_or_create(home.path().to_owned()).expect("opened");
    assert!(!home.path().join("BOOTSTRAP.md").exists());
    assert_eq!(again.load(&Limits::default(), TODAY)[0].text, "Be brief.");
    assert_eq!(workspace.root(), again.root());
}

#[test]
fn somebodys_own_folder_is_taken_as_it_is() {
    let home = TempDir::new().expect("a folder");
    fs::write(home.path().join("notes.txt"), "mine").expect("written");
    Workspace::open_or_create(home.path().to_owned()).expect("opened");
    assert_eq!(listing(home.path()), ["notes.txt"]);
}

/// Every state that a kill can leave: the first `done` files in place, the next one staged up to any point.
#[test]
fn a_start_after_a_kill_half_way_completes_the_workspace() {
    let whole = TempDir::new().expect("a folder");
    Workspace::open_or_create(whole.path().to_owned()).expect("made");
    let files: Vec<&str> = NEW.into_iter().filter(|name| name.ends_with(".md")).collect();
    for done in 0..=files.len() {
        let home = TempDir::new().expect("a folder");
        let staging = home.path().join(".hearth-setup");
        fs::create_dir(&staging).expect("staging");
        for name in &files[..done] {
            fs::copy(whole.path().join(name), home.path().join(name)).expect("copied");
        }
        if let Some(next) = files.get(done) {
            fs::write(staging.join(next), "# Ha").expect("half a file");
        }
        // The person may have edited a file before the second start: theirs wins.
        if done > 0 {
            fs::write(home.path().join(files[0]), "mine").expect("written");
        }
        Workspace::open_or_create(home.path().to_owned()).expect("completed");
        assert_eq!(listing(home.path()), NEW, "after {done} files");
        for (position, name) in files.iter().enumerate() {
            let text = fs::read_to_string(home.path().join(name)).expect("read");
            if position == 0 && done > 0 {
                assert_eq!(text, "mine");
            } else {
                assert_eq!(text, fs::read_to_string(whole.path().join(name)).expect("read"), "{name} after {done}");
            }
        }
    }
}

#[test]
fn long_files_are_cut_visibly_each_and_together() {
    let home = TempDir::new().expect("a folder");
    fs::write(home.path().join("SOUL.md"), "s".repeat(1_000)).expect("written");
    fs::write(home.path().join("AGENTS.md"), "ä".repeat(32_345)).expect("written");
    fs::write(home.path().join("USER.md"), "u".repeat(1_000)).expect("written");
    fs::write(home.path().join("MEMORY.md"), "m".repeat(1_000)).expect("written");
    let workspace = Workspace::open_or_create(home.path().to_owned()).expect("opened");
    let parts = workspace.load(&Limits { per_file_chars: 20_000, total_chars: 21_700 }, TODAY);
    let left_out: Vec<(&str, Option<usize>)> =
        parts.iter().map(|part| (part.name.as_str(), part.cut.map(|cut| cut.left_out_chars))).collect();
    // 1,000 + 20,000 with its mark leave some 600 for USER.md, and so little for MEMORY.md that only its mark is shown.
    assert_eq!(left_out[..2], [("SOUL.md", None), ("AGENTS.md", Some(12_345))]);
    assert!(matches!(left_out[2], ("USER.md", Some(300..500))), "{left_out:?}");
    assert_eq!(left_out[3], ("MEMORY.md", Some(1_000)));
    assert_eq!(parts[3].text, "[cut: 1,000 of 1,000 characters of MEMORY.md left out; read the file for the rest]");
    let shown: usize = parts.iter().map(|part| part.text.chars().count()).sum();
    assert!(shown < 21_700 + 2 * 90, "{shown}");
    assert!(
        parts[1].text.contains("[cut: 12,345 of 32,345 characters of AGENTS.md left out; read the file for the rest]")
    );
}

#[test]
fn a_huge_file_is_read_at_both_ends_only() {
    let home = TempDir::new().expect("a folder");
    let mut text = "a".repeat(6 << 20);
    text.replace_range(..5, "first");
    text.push_str("last");
    fs::write(home.path().join("MEMORY.md"), &text).expect("written");
    let workspace = Workspace::open_or_create(home.path().to_owned()).expect("opened");
    let parts = workspace.load(&Limits { per_file_chars: 1_000, total_chars: 10_000 }, TODAY);
    assert_eq!(parts[0].cut.map(|cut| cut.total_chars), Some(text.len()));
    assert!(parts[0].text.starts_with("first") && parts[0].text.ends_with("last"));
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let home = TempDir::new().expect("a folder");
    fs::write(home.path().join("SOUL.md"), b"be \xff\xfe kind").expect("written");
    let workspace = Workspace::open_or_create(home.path().to_owned()).expect("opened");
    assert_eq!(workspace.load(&Limits::default(), TODAY)[0].text, "be \u{fffd}\u{fffd} kind");
}

#[cfg(unix)]
#[test]
fn links_out_of_the_workspace_are_not_followed() {
    let home = TempDir::new().expect("a folder");
    let outside = TempDir::new().expect("a folder");
    fs::write(outside.path().join("secret"), "key").expect("written");
    fs::write(home.path().join("real.md"), "mine").expect("written");
    std::os::unix::fs::symlink(outside.path().join("secret"), home.path().join("SOUL.md")).expect("linked");
    std::os::unix::fs::symlink("real.md", home.path().join("USER.md")).expect("linked");
    let workspace = Workspace::open_or_create(home.path().to_owned()).expect("opened");
    let parts = workspace.load(&Limits::default(), TODAY);
    assert_eq!(parts.len(), 1);
    assert_eq!((parts[0].name.as_str(), parts[0].text.as_str(), parts[0].layer), ("USER.md", "mine", Layer::Private));
}

#[test]
fn a_file_in_the_way_is_said() {
    let home = TempDir::new().expect("a folder");
    let path = home.path().join("workspace");
    fs::write(&path, "").expect("written");
    let error = Workspace::open_or_create(path.clone()).expect_err("refused");
    assert!(matches!(&error, Error::NotAFolder { path: named } if *named == path), "{error}");
}
