//! `cargo xtask lane everyday`: everyday requests to the real binary with a real model, judged by what is on disk afterwards.
//!
//! Slow (minutes on two cores) and not deterministic across models, so it is a lane and not a test. Each request is judged by
//! files, by the tool calls in the transcript and by words that a right answer must hold; never by a model.

use crate::output::say;
use crate::stopwatch::Stopwatch;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One request and what must be true after it.
struct Task {
    ask: &'static str,
    /// Judges the workspace and the headless turn's JSON; returns what is wrong.
    judge: fn(&Path, &Value) -> Option<String>,
}

const TASKS: &[Task] = &[
    Task {
        ask: "Create notes/todo.md with three items: milk, bread and eggs. Then read it back to me.",
        judge: |workspace, turn| {
            has_words(workspace, "notes/todo.md", &["milk", "bread", "eggs"]).or_else(|| used(turn, &["read", "bash"]))
        },
    },
    Task { ask: "How much disk is free?", judge: |_, turn| used(turn, &["bash"]).or_else(|| says_digit(turn)) },
    Task {
        ask: "What files are in my workspace?",
        judge: |_, turn| used(turn, &["bash", "read"]).or_else(|| says_any(turn, &["AGENTS.md"])),
    },
    Task {
        ask: "In notes/todo.md replace bread by butter.",
        judge: |workspace, _| {
            has_words(workspace, "notes/todo.md", &["milk", "butter", "eggs"])
                .or_else(|| lacks_word(workspace, "notes/todo.md", "bread"))
        },
    },
    Task {
        ask: "Add the line \"call the dentist\" at the end of notes/todo.md.",
        judge: |workspace, _| has_words(workspace, "notes/todo.md", &["milk", "eggs", "call the dentist"]),
    },
    Task {
        ask: "What is today's date?",
        judge: |_, turn| says_any(turn, &[&output_of("date", "+%Y-%m-%d"), &output_of("date", "+%Y")]),
    },
    Task {
        ask: "How many lines does AGENTS.md have?",
        judge: |workspace, turn| match std::fs::read_to_string(workspace.join("AGENTS.md")) {
            Ok(text) => says_any(turn, &[&text.lines().count().to_string()]),
            Err(error) => Some(error.to_string()),
        },
    },
    Task {
        ask: "Make a folder photos with an empty file index.txt in it.",
        judge: |workspace, _| exists(workspace, "photos/index.txt"),
    },
    Task { ask: "What is 17 times 23?", judge: |_, turn| says_any(turn, &["391"]) },
    Task { ask: "Hello! Who are you?", judge: |_, turn| answered(turn) },
    Task {
        ask: "Write a Python script hello.py that prints hello, and run it.",
        judge: |workspace, turn| has_words(workspace, "hello.py", &["print"]).or_else(|| used(turn, &["bash"])),
    },
    Task {
        ask: "Find all files here that contain the word milk.",
        judge: |_, turn| used(turn, &["bash"]).or_else(|| says_any(turn, &["todo.md"])),
    },
    Task {
        ask: "Rename notes/todo.md to notes/shopping.md.",
        judge: |workspace, _| {
            has_words(workspace, "notes/shopping.md", &["milk"]).or_else(|| gone(workspace, "notes/todo.md"))
        },
    },
    Task { ask: "Delete photos/index.txt.", judge: |workspace, _| gone(workspace, "photos/index.txt") },
    Task {
        ask: "Remember that my sister is called Anna.",
        judge: |workspace, _| {
            let known = ["USER.md", "MEMORY.md"].iter().any(|name| has_words(workspace, name, &["Anna"]).is_none());
            (!known).then(|| "neither USER.md nor MEMORY.md names Anna".to_owned())
        },
    },
    Task { ask: "What is my sister's name?", judge: |_, turn| says_any(turn, &["Anna"]) },
    Task { ask: "What is the capital of France?", judge: |_, turn| says_any(turn, &["Paris"]) },
    Task {
        ask: "Which kernel version does this machine run?",
        judge: |_, turn| used(turn, &["bash"]).or_else(|| says_any(turn, &[&output_of("uname", "-r")])),
    },
];

/// Asks the machine itself, for what a right answer must hold.
fn output_of(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// What the lane is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The binary, for example that of the release build.
    #[arg(long)]
    hearth: PathBuf,
    /// A home that has a model; its workspace is written to.
    #[arg(long)]
    home: PathBuf,
    /// Fewer right tasks than this fail the lane.
    #[arg(long, default_value_t = 14)]
    least: usize,
}

/// Runs every task in turn, in one conversation each, and prints a line a task.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut right = 0;
    for (place, task) in TASKS.iter().enumerate() {
        let watch = Stopwatch::start();
        let output = Command::new(&options.hearth)
            .args(["agent", "--json", "--session", &format!("agent:main:everyday-{place}"), "-m", task.ask])
            .env("HEARTH_HOME", &options.home)
            .output()
            .with_context(|| format!("cannot start {}", options.hearth.display()))?;
        let turn: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let wrong = (task.judge)(&options.home.join("workspace"), &turn);
        right += usize::from(wrong.is_none());
        let verdict = if wrong.is_none() { "right" } else { "WRONG" };
        say(format_args!("{verdict} {:>7}  {}", watch.seconds(), task.ask));
        if let Some(reason) = wrong {
            say(format_args!("      {reason}\n      calls: {}\n      said: {}", calls(&turn), text(&turn)));
        }
    }
    say(format_args!("{right} of {} everyday tasks right", TASKS.len()));
    if right < options.least {
        bail!("fewer than {} tasks were right", options.least);
    }
    Ok(())
}

fn text(turn: &Value) -> &str {
    turn["text"].as_str().or_else(|| turn["error"]["message"].as_str()).unwrap_or("nothing that could be read")
}

fn calls(turn: &Value) -> String {
    turn["toolCalls"].to_string()
}

fn used(turn: &Value, tools: &[&str]) -> Option<String> {
    let found = turn["toolCalls"]
        .as_array()
        .is_some_and(|calls| calls.iter().any(|call| call["name"].as_str().is_some_and(|name| tools.contains(&name))));
    (!found).then(|| format!("none of these tools was called: {}", tools.join(", ")))
}

fn says_any(turn: &Value, words: &[&str]) -> Option<String> {
    let said = text(turn);
    let found = words.iter().any(|word| said.contains(word));
    (!found).then(|| format!("the answer names none of: {}", words.join(", ")))
}

/// A figure was asked for: an answer without any digit holds none.
fn says_digit(turn: &Value) -> Option<String> {
    (!text(turn).contains(|letter: char| letter.is_ascii_digit())).then(|| "the answer holds no figure".to_owned())
}

fn answered(turn: &Value) -> Option<String> {
    (text(turn).trim().is_empty() || !turn["error"].is_null()).then(|| "no answer".to_owned())
}

fn has_words(workspace: &Path, file: &str, words: &[&str]) -> Option<String> {
    let Ok(text) = std::fs::read_to_string(workspace.join(file)) else { return Some(format!("{file} cannot be read")) };
    let missing = words.iter().find(|word| !text.to_lowercase().contains(&word.to_lowercase()));
    missing.map(|word| format!("{file} does not hold `{word}`"))
}

fn lacks_word(workspace: &Path, file: &str, word: &str) -> Option<String> {
    has_words(workspace, file, &[word]).is_none().then(|| format!("{file} still holds `{word}`"))
}

fn exists(workspace: &Path, file: &str) -> Option<String> {
    (!workspace.join(file).is_file()).then(|| format!("{file} is not there"))
}

fn gone(workspace: &Path, file: &str) -> Option<String> {
    workspace.join(file).exists().then(|| format!("{file} is still there"))
}
