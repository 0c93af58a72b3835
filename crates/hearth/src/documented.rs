//! Every command line that the documents and the help show is one that this program understands.

use crate::cli::Cli;
use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, Parser as _};
use std::path::{Path, PathBuf};

/// A command line and where it is shown.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    place: String,
    form: Form,
    words: Vec<String>,
}

/// What a reader does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Copies and runs it.
    Typed,
    /// Reads its name in a sentence; what it needs may be left out.
    Named,
}

#[test]
fn every_documented_command_parses() {
    let shown: Vec<Shown> = documents().iter().flat_map(|path| in_document(path)).collect();
    assert!(shown.len() > 15, "the documents show hardly any command: {shown:?}");
    assert_eq!(complaints(&shown), Vec::<String>::new());
}

#[test]
fn every_example_in_the_help_parses() {
    let mut root = Cli::command();
    root.build();
    let mut shown = Vec::new();
    in_help(&root, &mut shown);
    assert!(shown.len() > 25, "the help shows hardly any example: {shown:?}");
    assert_eq!(complaints(&shown), Vec::<String>::new());
}

#[test]
fn what_does_not_parse_is_found_with_its_place() {
    let text = "Type `hearth open --prnt`, never `hearth agent -m`.\n\n| `hearth lab fit` |\n\n\
        ```sh\nFOO=1 hearth chat --session main  # fine\necho hi | hearth fly\n```\n";
    let places: Vec<String> = complaints(&in_text("a.md", text))
        .iter()
        .filter_map(|said| Some(said.split_once(": ")?.0.to_owned()))
        .collect();
    assert_eq!(places, ["a.md:1", "a.md:3", "a.md:7"]);
}

#[test]
fn a_line_is_split_as_a_shell_does() {
    let words = |line| in_line("x", Form::Typed, line).into_iter().map(|shown| shown.words).collect::<Vec<_>>();
    let set = [["hearth", "config", "set", "a.b", "{ c: 'd e' }"].map(str::to_owned).to_vec()];
    assert_eq!(words(r#"hearth config set a.b "{ c: 'd e' }"  # why"#), set);
    assert_eq!(words("hearth up --yes < /dev/null"), [["hearth", "up", "--yes"].map(str::to_owned).to_vec()]);
    assert_eq!(words("cargo install hearth"), Vec::<Vec<String>>::new());
}

/// The first page, the guide, the recipes and the changelog; the reference is made from the program.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "docs/guide.md"].iter().map(|name| root.join(name)).collect();
    let recipes = std::fs::read_dir(root.join("docs/recipes")).unwrap();
    found.extend(
        recipes.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|ext| ext == "md")),
    );
    found
}

fn in_document(path: &Path) -> Vec<Shown> {
    let name = path.file_name().unwrap().to_string_lossy();
    in_text(&name, &std::fs::read_to_string(path).unwrap())
}

/// Finds the lines of fenced blocks, and code spans in text and tables.
fn in_text(name: &str, text: &str) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut is_fenced = false;
    for (index, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", index + 1);
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced {
            shown.extend(in_line(&place, Form::Typed, line));
        } else {
            let spans = line.split('`').skip(1).step_by(2);
            shown.extend(spans.flat_map(|span| in_line(&place, form(line, span), span)));
        }
    }
    shown
}

/// A cell of a table that holds nothing else is there to be copied.
fn form(line: &str, span: &str) -> Form {
    if line.contains(&format!("| `{span}` |")) { Form::Typed } else { Form::Named }
}

fn in_help(command: &Command, shown: &mut Vec<Shown>) {
    let text = command.get_before_help().map(ToString::to_string).unwrap_or_default();
    for line in text.lines().filter(|line| line.starts_with("  ")) {
        let (typed, _remark) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
        shown.extend(in_line(&format!("help of {}", command.get_name()), Form::Typed, typed));
    }
    command.get_subcommands().for_each(|inner| in_help(inner, shown));
}

/// Keeps the commands of a line that are ours, without what stands before and after them.
fn in_line(place: &str, form: Form, line: &str) -> Vec<Shown> {
    let words = split(line);
    let commands = words.split(|word| matches!(word.as_str(), "|" | "&&" | ";")).map(|command| {
        let typed = command.iter().take_while(|word| !matches!(word.as_str(), "<" | ">" | ">>"));
        typed.skip_while(|word| word.contains('=')).cloned().collect::<Vec<_>>()
    });
    let ours = commands.filter(|words| words.first().is_some_and(|first| first == "hearth"));
    ours.map(|words| Shown { place: place.to_owned(), form, words }).collect()
}

/// Splits a line as a shell does; a comment ends it.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.chars().chain([' ']) {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words
}

fn complaints(shown: &[Shown]) -> Vec<String> {
    let tried = shown.iter().map(|shown| (shown, Cli::try_parse_from(&shown.words)));
    let failed =
        tried.filter_map(|(shown, parsed)| Some((shown, parsed.err().filter(|error| is_wrong(error, shown.form))?)));
    failed.map(|(shown, error)| format!("{}: `{}`: {error}", shown.place, shown.words.join(" "))).collect()
}

/// Help and version are no mistakes, and a command that is only named need not be whole.
fn is_wrong(error: &clap::Error, form: Form) -> bool {
    let is_whole = !matches!(error.kind(), ErrorKind::MissingRequiredArgument | ErrorKind::InvalidValue);
    error.use_stderr() && (is_whole || form == Form::Typed)
}
