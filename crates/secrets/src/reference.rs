//! Where a credential comes from, and how it is fetched from there.

use crate::error::Error;
use crate::secret::Secret;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Where a credential comes from.
///
/// In configuration: `"the key itself"`, `{ env: "NAME" }`, `{ file: "path" }` or `{ stored: "name" }`. There is no way
/// back from a value to its text, so that no literal is written anywhere by accident.
#[derive(Clone, Debug)]
pub enum SecretRef {
    /// The credential stands in the configuration itself.
    Literal(Secret),
    /// An environment variable's value.
    Env(String),
    /// A file's content without surrounding white space.
    File(PathBuf),
    /// A secret of this name in the vault ([`crate::Vault`]).
    Stored(String),
}

/// No credential is longer; a larger file is a mistake.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Fetches a credential. Surrounding white space is removed: keys are pasted with line ends.
///
/// # Errors
/// The variable, file or stored secret is missing, empty, unreadable or holds control characters;
/// a [`SecretRef::Stored`] is always [`Error::NotStored`] here: ask the vault for it.
pub fn resolve(reference: &SecretRef, lookup_env: &dyn Fn(&str) -> Option<String>) -> Result<Secret, Error> {
    match reference {
        SecretRef::Literal(secret) => checked(secret.expose(), || "the literal key in the configuration".to_owned()),
        SecretRef::Env(name) => {
            let value = lookup_env(name).ok_or_else(|| Error::EnvMissing { name: name.clone() })?;
            checked(&value, || format!("environment variable {name}"))
        }
        SecretRef::File(path) => {
            let text = read_small(path)?;
            checked(text.expose(), || format!("secret file {}", path.display()))
        }
        SecretRef::Stored(name) => Err(Error::NotStored { name: name.clone() }),
    }
}

/// Trims, and refuses what could not be sent in a header.
pub(crate) fn checked(value: &str, origin: impl Fn() -> String) -> Result<Secret, Error> {
    let value = value.trim();
    if value.is_empty() {
        return Err(Error::Empty { origin: origin() });
    }
    if value.chars().any(char::is_control) {
        return Err(Error::ControlCharacter { origin: origin() });
    }
    Ok(Secret::new(value))
}

/// Reads a credential's file, capped.
pub(crate) fn read_small(path: &Path) -> Result<Secret, Error> {
    let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    let length = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if u64::try_from(length).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), limit_bytes: MAX_FILE_BYTES });
    }
    String::from_utf8(bytes).map(Secret::new).or(Err(Error::NotText { path: path.to_owned() }))
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Literal(String),
            Table(Table),
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            env: Option<String>,
            file: Option<PathBuf>,
            stored: Option<String>,
        }
        let wrong =
            || D::Error::custom("a secret is a text, { env: \"NAME\" }, { file: \"path\" } or { stored: \"name\" }");
        match Form::deserialize(deserializer).map_err(|_cause| wrong())? {
            Form::Literal(text) => Ok(Self::Literal(Secret::new(text))),
            Form::Table(Table { env: Some(name), file: None, stored: None }) => Ok(Self::Env(name)),
            Form::Table(Table { env: None, file: Some(path), stored: None }) => Ok(Self::File(path)),
            Form::Table(Table { env: None, file: None, stored: Some(name) }) => Ok(Self::Stored(name)),
            Form::Table(_) => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SecretRef, resolve};

    fn fetch(json: &str) -> Result<String, String> {
        let reference: SecretRef = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let environment = |name: &str| match name {
            "KEY" => Some(" k-1\n".to_owned()),
            "EMPTY" => Some("  ".to_owned()),
            "SPLIT" => Some("a\nb".to_owned()),
            _ => None,
        };
        resolve(&reference, &environment).map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_form_is_fetched_or_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "from-file\n").unwrap();
        let file = serde_json::json!({ "file": path }).to_string();
        assert_eq!(fetch("\"abc\""), Ok("abc".to_owned()));
        assert_eq!(fetch(r#"{"env":"KEY"}"#), Ok("k-1".to_owned()));
        assert_eq!(fetch(&file), Ok("from-file".to_owned()));
        assert_eq!(fetch(r#"{"env":"GONE"}"#), Err("environment variable GONE is not set".to_owned()));
        assert_eq!(fetch(r#"{"env":"EMPTY"}"#), Err("environment variable EMPTY is set but empty".to_owned()));
        assert!(fetch(r#"{"env":"SPLIT"}"#).unwrap_err().contains("line break"));
        assert_eq!(fetch(r#"{"stored":"a"}"#), Err("no secret named `a` is stored".to_owned()));
        for wrong in ["7", r#"{"env":"A","file":"b"}"#, "{}", r#"{"evn":"A"}"#] {
            assert!(fetch(wrong).unwrap_err().starts_with("a secret is a text"), "{wrong}");
        }
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert!(fetch(&file).unwrap_err().contains("more than 65536 bytes"));
    }
}
