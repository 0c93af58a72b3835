//! Commands: their environment, their output, their end.

use crate::world::{PATIENCE, World, named_pipe};
use hearth_tools::ToolsConfig;
use serde_json::json;
use std::fs;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The answer without the time the command took, which is never the same.
async fn answer(world: &World, arguments: serde_json::Value) -> String {
    let text = world.call("bash", arguments).await;
    match text.rsplit_once(", ") {
        Some((before, seconds)) if seconds.ends_with(" s]") => format!("{before}]"),
        _ => text,
    }
}

async fn check(world: &World, command: &str, expected: &str) {
    assert_eq!(answer(world, json!({"command": command})).await, expected, "{command}");
}

/// Waits until no process of the id in this file is left, or only its remains.
async fn is_gone(world: &World, file: &str) -> bool {
    let status = format!("/proc/{}/stat", world.text(file).trim());
    let gone = async {
        while fs::read_to_string(&status).is_ok_and(|status| !status.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.is_ok()
}

/// Starts a command in the background and waits for what it prints first, which a busy machine may show late.
async fn begin(world: &World, arguments: serde_json::Value, id: &str, first: &str) {
    let mut text = world.call("bash", arguments).await;
    while text.starts_with("(no new output)") && text.contains(&format!("[{id} runs since ")) {
        text = world.call("bash", json!({"poll": id})).await;
    }
    assert!(text.starts_with(&format!("{first}\n[{id} runs since ")), "{text}");
}

#[tokio::test]
async fn output_and_exit_code_are_told() {
    let world = World::new();
    check(&world, "echo hello", "hello\n[exit code 0]").await;
    check(&world, "true", "(no output)\n[exit code 0]").await;
    check(&world, "printf x; exit 3", "failed: x\n[exit code 3]").await;
    check(&world, "echo 1; echo 2 >&2; echo 3", "1\n2\n3\n[exit code 0]").await;
    check(&world, "kill -9 $$", "failed: (no output)\n[killed by signal 9 (killed, out of memory perhaps)]").await;
    check(&world, "printf '\\033[31mred\\033[0m\\n1%%\\r2%%\\r3%%\\n'", "red\n3%\n[exit code 0]").await;
    check(&world, "cat", "(no output)\n[exit code 0]").await;
    check(&world, "no-such-command-here 2>&1 | sed 's/.*: //'; true", "command not found\n[exit code 0]").await;
    let filled =
        json!({"command": "echo x", "workdir": "", "background": false, "poll": "", "kill": false, "timeout": 0});
    assert_eq!(answer(&world, filled).await, "x\n[exit code 0]");
    check(&world, "a=(1 2); echo ${a[1]}", "2\n[exit code 0]").await;
}

#[tokio::test]
async fn commands_start_in_the_workspace_or_the_named_folder() {
    let world = World::new();
    check(&world, "pwd", "~/workspace\n[exit code 0]").await;
    fs::create_dir(world.path("workspace/notes")).expect("a folder");
    for (workdir, expected) in [
        ("notes", "~/workspace/notes\n[exit code 0]"),
        ("~/readable", "~/readable\n[exit code 0]"),
        ("nowhere", "failed: workdir nowhere is no folder; leave it out to use the workspace"),
        ("", "~/workspace\n[exit code 0]"),
    ] {
        assert_eq!(answer(&world, json!({"command": "pwd", "workdir": workdir})).await, expected);
    }
}

#[tokio::test]
async fn the_environment_is_the_configured_one() {
    // Cargo itself gives this process variables that no command may see.
    assert!(std::env::vars_os().count() > 10, "there is something to keep back");
    let world = World::with(|config| config.env.push(("GREETING".into(), "hello there".into())));
    let answer = world.call("bash", json!({"command": "env | sed 's/=.*//' | sort"})).await;
    assert!(answer.starts_with("GREETING\nHOME\nPATH\nPWD\nSHLVL\n_\n[exit code 0"), "{answer}");
    check(&world, "echo $GREETING $CARGO_MANIFEST_DIR", "hello there\n[exit code 0]").await;
    check(&world, "tr '\\0' '\\n' </proc/$$/environ | grep -c CARGO; true", "0\n[exit code 0]").await;
}

#[tokio::test]
async fn without_bash_the_command_still_runs() {
    let world = World::with(|config| config.shell = "no-such-shell".into());
    check(&world, "echo ${0##*/}", "sh\n[exit code 0]").await;
    let world = World::with(|config| config.shell = "/no/such/shell".into());
    world.check_start("bash", json!({"command": "true"}), "failed: cannot start /no/such/shell: ").await;
}

#[tokio::test]
async fn a_timeout_ends_everything_the_command_started() {
    let world = World::new();
    let command = "sh -c 'echo $$ >../closed/pid; trap \"\" HUP; sleep 300' & echo begun; wait";
    let started = Instant::now();
    let answer = world.call("bash", json!({"command": command, "timeout": 2})).await;
    assert_eq!(
        answer,
        "failed: begun\n[stopped after 2 s, its time limit; set timeout (at most 1800 s) or background true]"
    );
    assert!(is_gone(&world, "closed/pid").await, "the grandchild lives");
    assert!(started.elapsed() < PATIENCE);
    let world = World::with(|config| config.bash_timeout_max = Duration::from_millis(100));
    let answer = world.call("bash", json!({"command": "trap '' TERM; while :; do :; done", "timeout": 999_999})).await;
    assert!(answer.starts_with("failed: (no output)\n[stopped after 0.1 s, "), "{answer}");
}

#[tokio::test]
async fn what_a_command_leaves_running_is_stopped_and_said() {
    let world = World::new();
    let command = "sleep 300 & echo $! >../closed/pid; echo started";
    let note = "; what it left running was stopped: start servers with background true";
    check(&world, command, &format!("started\n[exit code 0{note}]")).await;
    assert!(is_gone(&world, "closed/pid").await, "it lives");
}

#[tokio::test]
async fn a_hundred_megabytes_keep_their_beginning_and_end() {
    let world = World::new();
    let command = "echo first; yes 0123456789abcdef | head -c 100000000; echo last";
    let before = resident_kilobytes();
    let answer = world.call("bash", json!({"command": command})).await;
    let grown = resident_kilobytes().saturating_sub(before);
    assert!(
        answer.starts_with("first\n0123456789abcdef\n") && answer.contains("last\n[exit code 0"),
        "{}",
        answer.len()
    );
    assert!(answer.contains("bytes left out; use head, tail or grep to see them …]\n"), "{}", answer.len());
    assert!(answer.len() < 30_200, "{}", answer.len());
    assert!(grown < 20_000, "{grown} kB more than before");
}

fn resident_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test]
async fn output_is_streamed_and_a_deaf_observer_holds_nothing_up() {
    let mut world = World::new();
    let go = world.path("closed/go");
    named_pipe(&go);
    let (progress, mut seen) = tokio::sync::mpsc::channel(8);
    world.progress = progress;
    // The command waits for its second line, and gets it only when the first has been seen.
    let watcher = async {
        let first = seen.recv().await;
        tokio::task::spawn_blocking(move || fs::write(go, "two\n")).await.expect("the writer ends").expect("it writes");
        first
    };
    let command = json!({"command": "echo one; read line <../closed/go; echo $line"});
    let (output, first) = tokio::join!(world.output("bash", command), watcher);
    assert_eq!(first.as_deref(), Some("one\n"));
    let summary = output.expect("it succeeds").summary;
    assert!(summary.starts_with("exit 0 · "), "{summary}");
    let (deaf, _never_read) = tokio::sync::mpsc::channel(1);
    world.progress = deaf;
    let text = world.call("bash", json!({"command": "for i in $(seq 50); do echo $i; done; seq 20000"})).await;
    assert!(text.contains("\n20000\n[exit code 0"), "{}", text.len());
}

#[tokio::test]
async fn a_stopped_turn_ends_the_command_and_keeps_its_output() {
    let mut world = World::new();
    let cancel = world.cancel.clone();
    let (progress, mut seen) = tokio::sync::mpsc::channel(8);
    world.progress = progress;
    let watcher = async move {
        let first = seen.recv().await;
        cancel.cancel();
        first
    };
    let command = "trap '' TERM; echo $$ >../closed/pid; echo begun; while :; do sleep 0.01; done";
    let (answer, first) = tokio::join!(world.call("bash", json!({"command": command})), watcher);
    assert_eq!(first.as_deref(), Some("begun\n"));
    assert!(answer.starts_with("failed: begun\n[stopped from outside after "), "{answer}");
    assert!(is_gone(&world, "closed/pid").await, "it lives");
}

#[tokio::test]
async fn background_commands_are_asked_and_killed() {
    let world = World::new();
    for pipe in ["workspace/first", "workspace/second"] {
        named_pipe(&world.path(pipe));
    }
    let command = "echo one; read line <first; echo $line; read line <second; exit 4";
    begin(&world, json!({"command": command, "background": true}), "b1", "one").await;
    world.write("workspace/first", "two\n");
    let text = world.call("bash", json!({"poll": "b1"})).await;
    assert!(text.starts_with("two\n[b1 runs since "), "{text}");
    world.write("workspace/second", "three\n");
    world.check("bash", json!({"poll": 1, "timeout": 30}), "(no new output)\n[b1 ended: exit code 4]").await;
    world.check("bash", json!({"poll": "b1"}), "(no new output)\n[b1 ended: exit code 4]").await;

    let command = "trap '' TERM; echo $$ >../closed/pid; echo begun; while :; do sleep 0.01; done";
    begin(&world, json!({"command": command, "background": "yes"}), "b2", "begun").await;
    world
        .check(
            "bash",
            json!({"poll": "list"}),
            &format!(
                "b1 (exit code 4): echo one; read line <first; echo $line; read line <second; exit 4\nb2 (running): {command}"
            ),
        )
        .await;
    world.check("bash", json!({"kill": "b2"}), "(no new output)\n[b2 ended: stopped]").await;
    assert!(is_gone(&world, "closed/pid").await, "it lives");
    world
        .check_start(
            "bash",
            json!({"kill": "b9"}),
            "failed: there is no background command `b9`; there is:\nb1 (exit code 4): ",
        )
        .await;
    world.check_start("bash", json!({"command": "exit 9", "background": true}), "(no new output)\n[b3 ").await;
    world.check("bash", json!({"poll": "b3", "timeout": 30}), "(no new output)\n[b3 ended: exit code 9]").await;
    let text = world.call("bash", json!({"command": "sleep 300", "background": true, "timeout": 1})).await;
    assert!(text.starts_with("(no new output)\n[b4 runs"), "{text}");
    world
        .check("bash", json!({"poll": "b4", "timeout": 30}), "(no new output)\n[b4 ended: stopped: its time was over]")
        .await;
}

#[tokio::test]
async fn background_commands_are_few_and_end_with_the_registry() {
    let world = World::with(|config: &mut ToolsConfig| config.background_jobs = 2);
    for index in 0..2 {
        let command = format!("echo $$ >../closed/pid{index}; echo x; sleep 300");
        begin(&world, json!({"command": command, "background": true}), &format!("b{}", index + 1), "x").await;
    }
    world
        .check_start(
            "bash",
            json!({"command": "true", "background": true}),
            "failed: 2 background commands run already; kill one first:\nb1 (running): ",
        )
        .await;
    timeout(PATIENCE, world.registry.shutdown()).await.expect("in time");
    for file in ["closed/pid0", "closed/pid1"] {
        assert!(is_gone(&world, file).await, "it lives");
    }
    world.check_start("bash", json!({"command": "true", "background": true}), "failed: ").await;
}

#[tokio::test]
async fn dropping_the_registry_kills_too() {
    let world = World::new();
    let command = "echo $$ >../closed/pid; echo x; sleep 300";
    begin(&world, json!({"command": command, "background": true}), "b1", "x").await;
    let pid = world.text("closed/pid");
    drop(world);
    let status = format!("/proc/{}/stat", pid.trim());
    let gone = async {
        while fs::read_to_string(&status).is_ok_and(|status| !status.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("it is gone");
}

#[tokio::test]
async fn commands_no_shell_can_take_are_refused() {
    let world = World::new();
    world.check_start("bash", json!({"command": "a\0b"}), "arguments: command contains a NUL character").await;
    let long = "#".repeat(100_001);
    world.check_start("bash", json!({"command": long}), "arguments: command has 100001 bytes, at most 100000").await;
}
