//! What a build lets pass and an author should still mend: dead links and anchors, formulas, missing translations.

use crate::build::{Options, Report, build_site};
use crate::cache::Cache;
use crate::entry::{Entry, Kind};
use crate::error::{Error, Problem, Severity};
use crate::load::{self, Site};
use crate::output::Output;
use std::path::Path;

/// Builds a site without writing it and reports everything that is wrong.
///
/// Dead links, dead anchors and formulas with errors have the severity [`Severity::Error`]; a missing translation or
/// description is a warning.
///
/// # Errors
/// As [`build`](crate::build()), but nothing is written.
pub fn check(options: &Options) -> Result<Report, Error> {
    let site = load::load(&options.root, options.drafts)?;
    let (mut report, _) = build_site(&site, options, Output::nowhere(), &mut Cache::default())?;
    let in_texts = report.problems.iter_mut().filter(|problem| !site.warnings.contains(problem));
    in_texts.for_each(|problem| problem.severity = Severity::Error);
    let anchors = dead_anchors(&site, &report);
    report.problems.extend(anchors);
    report.problems.extend(untranslated(&site));
    report.problems.extend(undescribed(&site));
    report
        .problems
        .sort_by(|left, right| (&left.file, left.line, left.column).cmp(&(&right.file, right.line, right.column)));
    Ok(report)
}

fn dead_anchors(site: &Site, report: &Report) -> Vec<Problem> {
    let own_page = |file: &Path| {
        let entry = site.entries.iter().find(|entry| entry.source == file);
        entry.map(|entry| site.urls.local(&entry.path(&site.urls))).unwrap_or_default()
    };
    let dead = report.links.iter().filter_map(|(file, line, url)| {
        let (page, anchor) = url.split_once('#')?;
        let page = if page.is_empty() { own_page(file) } else { page.to_owned() };
        let anchors = report.anchors.get(&page)?;
        let anchor = crate::text::decode_path(anchor);
        let there = anchor.is_empty() || anchor.starts_with("fn-") || anchors.contains(&anchor);
        let hint = format!("the page has: {}", anchors.iter().take(8).cloned().collect::<Vec<_>>().join(", "));
        let message = format!("`{page}` has no heading `#{anchor}`");
        (!there).then(|| Problem::error(file, (*line, 1), message, &hint))
    });
    dead.collect()
}

/// Posts and pages that some language does not have.
fn untranslated(site: &Site) -> Vec<Problem> {
    let mut problems = Vec::new();
    for entry in &site.entries {
        let known: Vec<_> = site.translations(entry).map(|other| other.locale.as_str()).collect();
        // Told once, at the first language that has it.
        if known.first() != Some(&entry.locale.as_str()) {
            continue;
        }
        let missing: Vec<_> =
            site.config.locales.iter().filter(|locale| !known.contains(&locale.as_str())).cloned().collect();
        if !missing.is_empty() {
            let message = format!("`{}` is not there in {}", entry.slug, missing.join(", "));
            problems.push(Problem::warning(&entry.source, (1, 1), message, "add a file of the same name beside it"));
        }
    }
    problems
}

fn undescribed(site: &Site) -> Vec<Problem> {
    let bare = |entry: &&Entry| entry.kind == Kind::Post && entry.description.is_empty();
    let told = |entry: &Entry| {
        let message = "the post has no description".to_owned();
        Problem::warning(
            &entry.source,
            (1, 1),
            message,
            "add `description: …`, one sentence for lists and search engines",
        )
    };
    site.entries.iter().filter(bare).map(told).collect()
}
