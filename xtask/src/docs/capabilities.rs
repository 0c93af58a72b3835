//! The capability table of the first page, from `docs/capabilities.toml` and what the program itself knows.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The page that holds the table.
pub(super) const PAGE: &str = "README.md";

const SOURCE: &str = "docs/capabilities.toml";
const BEGIN: &str = "<!-- capabilities:begin -->";
const END: &str = "<!-- capabilities:end -->";

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Capabilities {
    capability: Vec<Capability>,
}

/// One row.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Capability {
    area: String,
    /// What a person gets; `{name}` stands for a fact.
    what: String,
    #[serde(default)]
    verified: Vec<Verification>,
    /// What was not tried, or is known to be missing.
    #[serde(default)]
    except: String,
}

/// What something was tried against.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verification {
    against: Against,
    #[serde(default)]
    with: String,
}

/// How much a trial is worth, the strongest first.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Against {
    /// The thing itself: a service, a model, a browser, published figures.
    Real,
    /// The official client library of a service.
    OfficialSdk,
    /// Our imitation of it.
    OurFake,
    /// Our tests, with nothing else at the other end.
    OwnTests,
}

impl Against {
    fn words(self) -> &'static str {
        match self {
            Self::Real => "the real thing",
            Self::OfficialSdk => "official SDK",
            Self::OurFake => "our fake",
            Self::OwnTests => "our own tests",
        }
    }
}

/// Makes the whole page anew. `facts` is JSON, a text for each name.
pub(super) fn page(workspace: &Workspace, facts: &str) -> Result<String> {
    let facts = serde_json::from_str(facts).context("reading the facts of the program")?;
    let capabilities =
        toml::from_str(&workspace.read(Path::new(SOURCE))?).with_context(|| format!("reading {SOURCE}"))?;
    let table = table(&capabilities, &facts)?;
    between(&workspace.read(Path::new(PAGE))?, &table)
}

fn between(page: &str, table: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        parts.with_context(|| format!("{PAGE} needs the lines `{BEGIN}` and `{END}`, in this order"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

fn table(capabilities: &Capabilities, facts: &BTreeMap<String, String>) -> Result<String> {
    let mut table = "| | what you get | tried against |\n|---|---|---|\n".to_owned();
    for capability in &capabilities.capability {
        let what = filled(&capability.what, facts).with_context(|| format!("{SOURCE}: `{}`", capability.area))?;
        writeln!(table, "| {} | {} | {} |", cell(&capability.area), cell(&what), cell(&tried(capability)))?;
    }
    Ok(table)
}

fn tried(capability: &Capability) -> String {
    let trials: Vec<String> = capability
        .verified
        .iter()
        .map(|trial| match trial.with.trim() {
            "" => trial.against.words().to_owned(),
            with => format!("{}: {with}", trial.against.words()),
        })
        .collect();
    let trials = if trials.is_empty() { "not verified".to_owned() } else { trials.join("; ") };
    match capability.except.trim() {
        "" => trials,
        except => format!("{trials}. **Not:** {except}"),
    }
}

/// Puts facts in the place of their names.
fn filled(text: &str, facts: &BTreeMap<String, String>) -> Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, named)) = rest.split_once('{') {
        let (name, after) = named.split_once('}').context("a `{` without its `}`")?;
        let Some(fact) = facts.get(name) else {
            bail!("no fact is called `{name}`; `hearth reference facts` lists them");
        };
        filled.extend([before, fact]);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, between, table};
    use std::collections::BTreeMap;

    fn made(source: &str) -> anyhow::Result<String> {
        let facts = BTreeMap::from([("models".to_owned(), "A, B".to_owned())]);
        table(&toml::from_str::<Capabilities>(source)?, &facts)
    }

    #[test]
    fn a_row_says_what_was_tried_and_what_was_not() {
        let source = r#"
            [[capability]]
            area = "Models"
            what = """
              Runs {models}
              here."""
            verified = [{ against = "official-sdk", with = "x 1.2" }, { against = "our-fake" }]
            except = "ARM."
            [[capability]]
            area = "Rest"
            what = "a|b"
        "#;
        let rows = "| Models | Runs A, B here. | official SDK: x 1.2; our fake. **Not:** ARM. |\n\
            | Rest | a\\|b | not verified |\n";
        assert_eq!(made(source).unwrap(), format!("| | what you get | tried against |\n|---|---|---|\n{rows}"));
    }

    #[test]
    fn unknown_facts_and_kinds_are_refused() {
        let said = |source| format!("{:#}", made(source).unwrap_err());
        let fact = said("[[capability]]\narea = \"Start\"\nwhat = \"{moon}\"\n");
        assert!(fact.contains("`Start`: no fact is called `moon`"), "{fact}");
        let kind = said("[[capability]]\narea = \"a\"\nwhat = \"b\"\nverified = [{ against = \"hearsay\" }]\n");
        assert!(kind.contains("unknown variant `hearsay`"), "{kind}");
    }

    #[test]
    fn the_rest_of_the_page_stays() {
        let page = "# A\n<!-- capabilities:begin -->\nold\n<!-- capabilities:end -->\nend\n";
        let new = between(page, "| new |\n").unwrap();
        assert_eq!(new, "# A\n<!-- capabilities:begin -->\n| new |\n<!-- capabilities:end -->\nend\n");
        assert!(between("# A\n", "").unwrap_err().to_string().contains("README.md needs the lines"));
    }
}
