//! Makes, builds and serves sites: `build new FOLDER`, `build FOLDER`, `build check FOLDER`, `build serve|dev FOLDER PORT`.

use hearth_site::{Cache, Error, Mode, Options, Report, Server, build, check, new_site, publish_workflow};
use std::io::Write;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.get(1).or(arguments.first()).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let options = Options::new(&folder);
    match arguments.first().map(String::as_str) {
        Some("new") => new_site(&folder),
        Some("check") => check(&options).map(|report| say(&report)),
        Some("publish") => publish_workflow(&folder).map(drop),
        Some("serve") => serve(options, Mode::Serve, arguments.get(2)),
        Some("dev") => serve(options, Mode::Dev, arguments.get(2)),
        _ => whole(&folder, &options),
    }
}

fn whole(folder: &Path, options: &Options) -> Result<(), Error> {
    let mut cache = Cache::load(folder);
    let report = build(options, &mut cache)?;
    say(&report);
    cache.save(folder)
}

fn serve(options: Options, mode: Mode, port: Option<&String>) -> Result<(), Error> {
    let port = port.and_then(|port| port.parse().ok()).unwrap_or(4321);
    let server = Server::bind(([127, 0, 0, 1], port).into(), options, mode)?;
    line(&format!("http://{}/", server.address()));
    server.run(&line)
}

fn say(report: &Report) {
    report.problems.iter().for_each(|problem| line(&problem.to_string()));
    let Report { pages, posts, files, changed, rendered, .. } = report;
    line(&format!("{posts} posts ({rendered} rendered), {pages} pages, {files} files, {changed} changed"));
}

/// A line that can't be printed has no reader.
fn line(text: &str) {
    drop(writeln!(std::io::stdout(), "{text}"));
}
