//! `hearth reference`: what the documentation says about this program, from the program itself; `cargo xtask docs` runs it.

use crate::cli::{Cli, HELP};
use crate::models::Catalogue;
use crate::out;
use clap::{Arg, Command, CommandFactory as _, Subcommand};
use hearth_providers::{PRESETS, Preset};
use serde_json::json;
use std::fmt::Write as _;

/// The head of the page.
const INTRODUCTION: &str = "\
# Commands

Everything that can be typed, printed by the program itself. The same is behind `--help` of every command. Results go to standard
output and everything else to standard error; `--json`, where it is listed, prints the result for programs. What goes wrong ends
with an [exit code](exit-codes.md) of its own.
";

#[derive(Debug, Subcommand)]
pub(crate) enum Subject {
    /// Every command as Markdown.
    #[command(help_template = HELP, before_help = "  hearth reference commands > docs/reference/commands.md")]
    Commands,
    /// The services and models that are known without being told, as JSON.
    #[command(help_template = HELP, before_help = "  hearth reference facts")]
    Facts,
}

/// Prints it; neither home nor gateway is needed.
pub(crate) fn run(subject: &Subject) -> anyhow::Result<()> {
    match subject {
        Subject::Commands => out::line(page(Cli::command()).trim_end())?,
        Subject::Facts => {
            let titles = |is_listed: fn(&Preset) -> bool| {
                let titles: Vec<&str> =
                    PRESETS.iter().filter(|preset| is_listed(preset)).map(|preset| preset.title).collect();
                titles.join(", ")
            };
            out::json(&json!({
                "hosted-services": titles(|preset| !preset.is_local()),
                // The model of Hearth's own is no server that one finds.
                "local-servers": titles(|preset| preset.is_local() && preset.name != "local"),
                "models": Catalogue::built_in()?.titles().join(", "),
            }))?;
        }
    }
    Ok(())
}

/// Makes the page of a command and all commands below it.
fn page(mut root: Command) -> String {
    root.build();
    let mut page = INTRODUCTION.to_owned();
    section(&mut page, &root, &[], true);
    page
}

fn section(page: &mut String, command: &Command, above: &[&str], is_root: bool) {
    let path = [above, &[command.get_name()]].concat();
    let heading = "#".repeat(path.len().clamp(2, 3));
    writeln!(page, "\n{heading} `{}`\n\n{}", path.join(" "), sentence(&about(command))).ok();
    examples(page, command);
    if is_root || !command.has_subcommands() {
        let usage = command.clone().render_usage().to_string();
        writeln!(page, "\nUsage: `{}`", usage.trim_start_matches("Usage: ").trim()).ok();
    }
    arguments(page, command, is_root);
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help") {
        section(page, inner, &path, false);
    }
}

fn about(command: &Command) -> String {
    command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default()
}

/// Writes the indented lines that stand before the help as a block, what explains them as comments, and the rest as text.
fn examples(page: &mut String, command: &Command) {
    let text = command.get_before_help().map(ToString::to_string).unwrap_or_default();
    let (examples, remarks): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("  "));
    let examples: Vec<(&str, &str)> = examples
        .iter()
        .map(|line| line.trim())
        .map(|line| line.split_once("  ").map_or((line, ""), |(typed, remark)| (typed, remark.trim())))
        .collect();
    let width = examples.iter().filter(|(_, remark)| !remark.is_empty()).map(|(typed, _)| typed.chars().count()).max();
    if !examples.is_empty() {
        page.push_str("\n```sh\n");
        for (typed, remark) in examples {
            if remark.is_empty() {
                writeln!(page, "{typed}").ok();
            } else {
                writeln!(page, "{typed:<width$}  # {remark}", width = width.unwrap_or_default()).ok();
            }
        }
        page.push_str("```\n");
    }
    for remark in remarks.into_iter().filter(|remark| !remark.is_empty()) {
        writeln!(page, "\n{}", escaped(remark)).ok();
    }
}

/// Writes the table of a command's own arguments; what every command takes is listed once, at the root.
fn arguments(page: &mut String, command: &Command, is_root: bool) {
    let listed = |argument: &&Arg| {
        let is_known = matches!(argument.get_id().as_str(), "help" | "version");
        !argument.is_hide_set() && !is_known && (is_root || !argument.is_global_set())
    };
    let mut rows = command.get_arguments().filter(listed).peekable();
    if rows.peek().is_some() {
        page.push_str("\n| argument | what it is |\n|---|---|\n");
    }
    for argument in rows {
        writeln!(page, "| {} | {} |", spelled(argument), explained(argument)).ok();
    }
}

fn spelled(argument: &Arg) -> String {
    let long = format!("`{argument}`");
    let short = argument.get_short().filter(|_| argument.get_long().is_some());
    short.map_or(long.clone(), |short| format!("`-{short}`, {long}"))
}

fn explained(argument: &Arg) -> String {
    let mut text = sentence(&argument.get_help().map(ToString::to_string).unwrap_or_default());
    if argument.is_global_set() {
        text.push_str(" Every command takes it.");
    }
    if !argument.get_action().takes_values() {
        return text;
    }
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        write!(text, " One of {}.", values.join(", ")).ok();
    }
    let defaults: Vec<_> = argument.get_default_values().iter().filter(|value| !value.is_empty()).collect();
    for default in defaults {
        write!(text, " Default: `{}`.", default.to_string_lossy()).ok();
    }
    // Usage and angle brackets say it of positional arguments.
    if argument.is_required_set() && !argument.is_positional() {
        text.push_str(" Required.");
    }
    text
}

/// Clap takes the full stop off the end of help; here it is a sentence again.
fn sentence(text: &str) -> String {
    let ends = text.ends_with(['.', '…', '?', ':']) || text.is_empty();
    escaped(text) + if ends { "" } else { "." }
}

/// Help is plain text except for its code spans, whose bars would end a cell.
fn escaped(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|").replace('<', "\\<")
}

#[cfg(test)]
mod tests {
    use super::page;
    use clap::{Arg, ArgAction, Command};

    #[test]
    fn a_command_is_shown_example_first_with_arguments_and_defaults() {
        let port = Arg::new("port").long("port").short('p').default_value("80").help("TCP port | door");
        let inner = Command::new("run")
            .about("Run it")
            .before_help("  tool run            in the foreground\n  tool run --port 81\n\nIt stays.")
            .arg(Arg::new("FILE").required(true).help("What to run"))
            .arg(Arg::new("how").long("how").value_parser(["fast", "slow"]).help("How fast"))
            .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("As JSON"))
            .arg(port);
        let hidden = Command::new("secret").hide(true);
        let home = Arg::new("home").long("home").value_name("DIR").global(true).help("The folder");
        let page = page(Command::new("tool").about("A tool").arg(home).subcommand(inner).subcommand(hidden));
        let (_introduction, commands) = page.split_once("\n## ").unwrap();
        assert_eq!(commands, EXPECTED);
    }

    const EXPECTED: &str = "\
`tool`

A tool.

Usage: `tool [OPTIONS] [COMMAND]`

| argument | what it is |
|---|---|
| `--home <DIR>` | The folder. Every command takes it. |

## `tool run`

Run it.

```sh
tool run  # in the foreground
tool run --port 81
```

It stays.

Usage: `tool run [OPTIONS] <FILE>`

| argument | what it is |
|---|---|
| `<FILE>` | What to run. |
| `--how <how>` | How fast. One of `fast`, `slow`. |
| `--json` | As JSON. |
| `-p`, `--port <port>` | TCP port \\| door. Default: `80`. |
";
}
