//! The first `hearth.json5` of a home: every setting with its default and meaning, commented out.

use crate::schema::DEFAULTS;

const OPENING: &str = "\
// Your Hearth's settings. Every line that is commented out is a default: to change it, remove its `//` and edit it, or
// run `hearth config set gateway.port 18800`. `hearth config get` shows what is in force, and where each value came from.
// A mistake here is reported with its line and never keeps Hearth from starting.
";

/// Returns the text: the defaults' structure and comments, with every value commented out.
pub(crate) fn starter() -> String {
    let lines = DEFAULTS.lines().skip_while(|line| line.starts_with("//")).map(|line| {
        let content = line.trim_start();
        let structure =
            content.is_empty() || content.starts_with("//") || content.ends_with('{') || content.starts_with('}');
        if structure {
            return format!("{line}\n");
        }
        let indent = line.get(..line.len() - content.len()).unwrap_or_default();
        format!("{indent}// {content}\n")
    });
    OPENING.to_owned() + &lines.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::starter;
    use crate::json5::{self, Kind, Node};
    use std::path::Path;

    fn values(node: &Node) -> usize {
        match &node.kind {
            Kind::Object(fields) => fields.iter().map(|field| values(&field.node)).sum(),
            _ => 1,
        }
    }

    #[test]
    fn the_first_file_is_readable_and_sets_nothing() {
        let document = json5::parse(&starter(), &Path::new("hearth.json5").into()).unwrap();
        assert_eq!(values(&document.root), 0);
    }

    #[test]
    fn removing_the_slashes_of_a_line_sets_it() {
        let text = starter().replace("// port: 18789,", "port: 18800,");
        let document = json5::parse(&text, &Path::new("hearth.json5").into()).unwrap();
        assert_eq!(document.root.to_json()["gateway"]["port"], 18800);
    }
}
