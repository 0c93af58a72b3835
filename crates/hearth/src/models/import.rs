//! A model file that the person already has.

use super::catalogue::Catalogue;
use super::store::{Installed, Store, sha256_of};
use crate::error::Failure;
use hearth_core::error::ErrorKind;
use hearth_infer::{Quirks, inspect};
use std::path::{Path, PathBuf};

/// Checks a model file and says what it is. Its hash is that of its path and size: reading all of it would take long.
pub(crate) fn describe_file(path: &Path) -> Result<Installed, Failure> {
    let summary = checked(path)?;
    let place = format!("{}:{}", path.display(), summary.file_bytes);
    let (sha256, _) = sha256_of(&mut place.as_bytes()).map_err(|error| Failure::of_io(&error, "read", path))?;
    Ok(Installed {
        id: id_of(path),
        title: title_of(&summary, path),
        sha256,
        bytes: summary.file_bytes,
        context_tokens: summary.context_tokens,
        quirks: Quirks::default(),
    })
}

/// Copies a model file into the folder of models; returns what it is now known as.
pub(crate) fn import(
    path: &Path,
    id: Option<String>,
    models_dir: &Path,
    catalogue: &Catalogue,
) -> Result<Installed, Failure> {
    let summary = checked(path)?;
    let copy = models_dir.join(format!("import-{}.partial", std::process::id()));
    let copied = copy_and_hash(path, &copy);
    let hash = copied.inspect_err(|_failure| drop(std::fs::remove_file(&copy)))?;
    let mut model = match catalogue.entries().iter().find(|entry| entry.sha256 == hash) {
        Some(entry) => Installed::of(entry),
        None => Installed {
            id: id_of(path),
            title: title_of(&summary, path),
            sha256: hash,
            bytes: summary.file_bytes,
            context_tokens: summary.context_tokens,
            quirks: Quirks::default(),
        },
    };
    if let Some(id) = id {
        model.id = id;
    }
    Store::open(models_dir, catalogue).add(&copy, model.clone())?;
    Ok(model)
}

fn checked(path: &Path) -> Result<hearth_infer::ModelSummary, Failure> {
    let summary = inspect(path).map_err(|error| {
        let kind = if path.exists() { ErrorKind::ModelFile } else { ErrorKind::User };
        Failure::new(kind, format!("{} can't be used: {error}", path.display()))
    })?;
    if summary.unsupported.is_empty() {
        return Ok(summary);
    }
    let why = summary.unsupported.join("; ");
    Err(Failure::new(ErrorKind::ModelFile, format!("{} can't be run here: {why}", path.display()))
        .hint("hearth models catalogue"))
}

fn copy_and_hash(from: &Path, to: &PathBuf) -> Result<String, Failure> {
    std::fs::copy(from, to).map_err(|error| Failure::of_io(&error, "copy", from))?;
    let mut file = std::fs::File::open(to).map_err(|error| Failure::of_io(&error, "read", to))?;
    let (hash, _) = sha256_of(&mut file).map_err(|error| Failure::of_io(&error, "read", to))?;
    file.sync_all().map_err(|error| Failure::of_io(&error, "write", to))?;
    Ok(hash)
}

fn title_of(summary: &hearth_infer::ModelSummary, path: &Path) -> String {
    let name = if summary.name.is_empty() { id_of(path) } else { summary.name.clone() };
    format!("{name} {}", summary.quantization)
}

/// The file's name without its ending, as an id without spaces.
fn id_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain = |char: char| if char.is_ascii_alphanumeric() || ".-_".contains(char) { char } else { '-' };
    stem.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::{describe_file, id_of};
    use hearth_core::error::ErrorKind;
    use std::path::Path;

    #[test]
    fn what_is_no_model_is_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.gguf");
        assert_eq!(describe_file(&path).unwrap_err().kind(), ErrorKind::User);
        std::fs::write(&path, "not a model").unwrap();
        let failure = describe_file(&path).unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::ModelFile);
        assert!(failure.to_string().contains("x.gguf"), "{failure}");
    }

    #[test]
    fn ids_can_be_typed() {
        assert_eq!(id_of(Path::new("/m/My Model (Q4).gguf")), "my-model--q4-");
    }
}
