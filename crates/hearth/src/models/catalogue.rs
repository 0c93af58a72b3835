//! The list of models that can be fetched: compiled in, extended by `models/catalogue.toml` of the home.

use crate::error::Failure;
use hearth_core::error::ErrorKind;
use hearth_infer::Quirks;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const BUILT_IN: &str = include_str!("catalogue.toml");

/// A larger catalogue in the home is a mistake.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The models that can be fetched, best first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    #[serde(rename = "model")]
    entries: Vec<Entry>,
}

/// One model that can be fetched.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// What the person types.
    pub(crate) id: String,
    /// What the person reads.
    pub(crate) title: String,
    /// The file's usual name.
    pub(crate) file: String,
    /// The file's size.
    pub(crate) bytes: u64,
    /// The file's SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// The licence of the weights (SPDX).
    pub(crate) licence: String,
    /// What it is good for, honestly, in a few words.
    pub(crate) quality: String,
    /// The same in a sentence or two.
    pub(crate) note: String,
    /// Tokens that prompt and answer may have together.
    pub(crate) context_tokens: u32,
    /// Memory it takes while it runs.
    pub(crate) memory_bytes: u64,
    /// What the engine has to allow for.
    #[serde(default)]
    pub(crate) quirks: Quirks,
    /// When it is chosen without being asked for.
    #[serde(default, rename = "use")]
    pub(crate) purpose: Purpose,
    /// Where it comes from; tried in this order.
    #[serde(default, rename = "source")]
    pub(crate) sources: Vec<Source>,
}

/// When a model is chosen without being asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Purpose {
    /// On a machine with enough memory.
    Default,
    /// On a machine with little memory.
    Small,
    /// Never; for tests.
    Test,
    /// Never; only when asked for by id.
    #[default]
    Named,
}

/// Where a model file can be had.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Source {
    /// One file over HTTP.
    Hub {
        /// Its address; ranges are asked for when the download goes on.
        url: String,
    },
    /// Cut into parts, each in its own Python package.
    Packages {
        /// The package's name.
        name: String,
        /// The version that holds the part.
        version: String,
        /// How many parts.
        parts: u32,
        /// The size of every part but the last.
        part_bytes: u64,
        /// The part inside the package.
        member: String,
    },
    /// A file on this machine.
    File {
        /// Where.
        path: PathBuf,
    },
}

impl Catalogue {
    /// Reads the compiled-in list and the home's additions; an addition with a known id replaces that entry.
    pub(crate) fn load(models_dir: &Path) -> Result<Self, Failure> {
        let mut catalogue = Self::built_in()?;
        let path = models_dir.join("catalogue.toml");
        let Some(text) = read_capped(&path)? else { return Ok(catalogue) };
        for entry in Self::parse(&text, &path)?.entries {
            match catalogue.entries.iter_mut().find(|known| known.id == entry.id) {
                Some(known) => *known = entry,
                None => catalogue.entries.push(entry),
            }
        }
        Ok(catalogue)
    }

    /// Reads the compiled-in list alone.
    pub(crate) fn built_in() -> Result<Self, Failure> {
        Self::parse(BUILT_IN, Path::new("catalogue.toml"))
    }

    /// What people read, best first.
    pub(crate) fn titles(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.title.as_str()).collect()
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let catalogue: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
            Failure::new(ErrorKind::Config, format!("model catalogue: {}", error.message().replace('\n', " ")))
                .at(path, line, None)
                .hint("mend the entry or remove the file")
        })?;
        for entry in &catalogue.entries {
            let hash =
                entry.sha256.len() == 64 && entry.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let plain_id = !entry.id.is_empty() && !entry.id.contains(['/', '\\', ' ']);
            if !hash || !plain_id || entry.bytes == 0 {
                return Err(Failure::new(
                    ErrorKind::Config,
                    format!("model catalogue: entry `{}` needs an id without spaces or slashes, bytes > 0 and a sha256 of 64 lower-case digits", entry.id),
                )
                .at(path, None, None)
                .hint("mend the entry or remove the file"));
            }
        }
        Ok(catalogue)
    }

    /// Returns all entries, best first.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Finds an entry by id.
    pub(crate) fn find(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// Finds an entry by id; the failure names what there is.
    pub(crate) fn get(&self, id: &str) -> Result<&Entry, Failure> {
        self.find(id).ok_or_else(|| {
            let known: Vec<&str> = self.entries.iter().map(|entry| entry.id.as_str()).collect();
            Failure::new(ErrorKind::User, format!("no model `{id}` in the catalogue (there are: {})", known.join(", ")))
                .hint("hearth models catalogue")
        })
    }

    /// Returns the model for a machine with this much memory to spare, when nobody named one.
    pub(crate) fn default_for(&self, available_bytes: u64) -> Option<&Entry> {
        /// Below this the larger model would push everything else out of memory.
        const ENOUGH_BYTES: u64 = 4_000_000_000;
        let wanted = if available_bytes >= ENOUGH_BYTES { Purpose::Default } else { Purpose::Small };
        let of = |purpose| self.entries.iter().find(|entry| entry.purpose == purpose);
        of(wanted).or_else(|| of(Purpose::Default))
    }

    /// Returns the model for machines with little memory.
    pub(crate) fn smaller(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.purpose == Purpose::Small)
    }
}

/// Fills in a part's number.
pub(crate) fn numbered(pattern: &str, part: u32) -> String {
    pattern.replace("{nn}", &format!("{part:02}")).replace("{n}", &part.to_string())
}

fn read_capped(path: &Path) -> Result<Option<String>, Failure> {
    let size = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::of_io(&error, "read", path)),
    };
    if size > MAX_FILE_BYTES {
        return Err(Failure::new(ErrorKind::Config, format!("model catalogue is larger than {MAX_FILE_BYTES} bytes"))
            .at(path, None, None));
    }
    std::fs::read_to_string(path).map(Some).map_err(|error| Failure::of_io(&error, "read", path))
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, Purpose, Source, numbered};

    #[test]
    fn the_built_in_list_is_sound_and_its_parts_add_up() {
        let home = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::load(home.path()).unwrap();
        let sources =
            catalogue.entries().iter().flat_map(|entry| entry.sources.iter().map(move |source| (entry, source)));
        for (entry, source) in sources {
            let Source::Packages { parts, part_bytes, .. } = source else { continue };
            assert_eq!(entry.bytes.div_ceil(*part_bytes), u64::from(*parts), "{}", entry.id);
        }
        assert_eq!(catalogue.default_for(8 << 30).unwrap().purpose, Purpose::Default);
        assert_eq!(catalogue.default_for(1 << 30).unwrap().purpose, Purpose::Small);
    }

    #[test]
    fn the_home_replaces_by_id_and_a_bad_entry_names_its_line() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("catalogue.toml");
        let entry = |sha: &str| {
            format!(
                "[[model]]\nid = \"smollm2-135m\"\ntitle = \"Mine\"\nfile = \"m.gguf\"\nbytes = 5\nsha256 = \"{sha}\"\n\
                 licence = \"MIT\"\nquality = \"q\"\nnote = \"n\"\ncontext_tokens = 1\nmemory_bytes = 1\n"
            )
        };
        std::fs::write(&path, entry(&"a".repeat(64))).unwrap();
        assert_eq!(Catalogue::load(home.path()).unwrap().find("smollm2-135m").unwrap().title, "Mine");
        std::fs::write(&path, entry("short")).unwrap();
        assert!(Catalogue::load(home.path()).unwrap_err().to_string().contains("sha256"));
        std::fs::write(&path, "[[model]]\nidd = 1\n").unwrap();
        let failure = Catalogue::load(home.path()).unwrap_err();
        assert_eq!(failure.place().and_then(|place| place.line), Some(2));
    }

    #[test]
    fn parts_are_numbered_with_and_without_padding() {
        assert_eq!(numbered("p{n}/part{nn}.bin", 7), "p7/part07.bin");
    }
}
