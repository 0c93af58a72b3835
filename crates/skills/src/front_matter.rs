//! The YAML between the `---` lines of a `SKILL.md`.

use serde::Deserialize;

/// What a skill says about itself; keys of other programs are ignored.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct FrontMatter {
    /// What the model calls it.
    pub(crate) name: Option<String>,
    /// When to use it: the one line that every prompt pays.
    pub(crate) description: Option<String>,
    /// True when only a person may start it.
    #[serde(rename = "disable-model-invocation")]
    pub(crate) disable_model_invocation: bool,
}

/// Something wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Line in the file, from 1.
    pub(crate) line: usize,
    /// What is wrong and how to mend it.
    pub(crate) message: String,
}

/// Reads the front matter at the beginning of a file.
pub(crate) fn parse(text: &str) -> Result<FrontMatter, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    if lines.next().map(str::trim_end) != Some("---") {
        return Err(Fault {
            line: 1,
            message: "the first line is not `---`; begin with `---`, `name:`, `description:`, `---`".to_owned(),
        });
    }
    let mut yaml = String::new();
    for line in lines {
        if line.trim_end() == "---" {
            return read(&yaml);
        }
        yaml.push_str(line);
    }
    Err(Fault { line: 1, message: "no second `---` line ends the front matter".to_owned() })
}

fn read(yaml: &str) -> Result<FrontMatter, Fault> {
    if yaml.trim().is_empty() {
        return Ok(FrontMatter::default());
    }
    serde_saphyr::from_str(yaml).map_err(|error| {
        let line = error.location().and_then(|location| usize::try_from(location.line()).ok()).unwrap_or(0);
        let plain =
            error.render_with_options(serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off });
        let message = plain.split(" at line ").next().unwrap_or_default().trim().to_owned();
        // The YAML begins on the file's second line.
        Fault { line: line + 1, message: format!("the front matter is no valid YAML: {message}") }
    })
}

#[cfg(test)]
mod tests {
    use super::{FrontMatter, parse};

    fn check(text: &str, name: &str, description: &str) {
        let expected = FrontMatter {
            name: Some(name.to_owned()),
            description: Some(description.to_owned()),
            ..Default::default()
        };
        assert_eq!(parse(text), Ok(expected), "{text:?}");
    }

    #[test]
    fn the_forms_that_people_write() {
        check("---\nname: a\ndescription: Does b.\n---\n# A\n", "a", "Does b.");
        check("\u{feff}---\r\nname: a\r\ndescription: 'Does: b'\r\n---\r\n", "a", "Does: b");
        check("---\nname: a\ndescription: >\n  Does\n  b.\nmetadata: {x: {y: [1]}}\n---", "a", "Does b.\n");
        check("---\nname: \"a\" # comment\nlicense: MIT\ndescription: Does b.\n---\n", "a", "Does b.");
    }

    #[test]
    fn faults_name_their_line() {
        for (text, line) in [
            ("# A\n", 1),
            ("---\nname: a\n", 1),
            ("---\nname: a\ndescription: [x\n---\n", 3),
            ("---\nname: a\ndescription: {x: y}\n---\n", 3),
            ("", 1),
        ] {
            assert_eq!(parse(text).map_err(|fault| fault.line), Err(line), "{text:?}");
        }
    }
}
