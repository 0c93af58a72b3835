//! Model files on disk: `models/<sha256>.gguf` and a small index of what they are.

use super::catalogue::{Catalogue, Entry};
use crate::error::Failure;
use hearth_core::error::ErrorKind;
use hearth_infer::Quirks;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

/// The index: `models/index.json`.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Store {
    #[serde(skip)]
    dir: PathBuf,
    #[serde(default)]
    models: Vec<Installed>,
}

/// A model file that is here.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Installed {
    /// What the person types.
    pub(crate) id: String,
    /// What the person reads.
    pub(crate) title: String,
    /// The file's SHA-256, which is also its name.
    pub(crate) sha256: String,
    /// The file's size.
    pub(crate) bytes: u64,
    /// Tokens that prompt and answer may have together.
    pub(crate) context_tokens: u32,
    /// What the engine has to allow for.
    #[serde(default)]
    pub(crate) quirks: Quirks,
}

impl Installed {
    /// Describes the file that a catalogue entry becomes.
    pub(crate) fn of(entry: &Entry) -> Self {
        Self {
            id: entry.id.clone(),
            title: entry.title.clone(),
            sha256: entry.sha256.clone(),
            bytes: entry.bytes,
            context_tokens: entry.context_tokens,
            quirks: entry.quirks.clone(),
        }
    }
}

impl Store {
    /// Opens the folder's index. A file that is named by its hash but missing from the index is found through the
    /// catalogue, and an index that can't be read is rebuilt that way: the files are the truth.
    pub(crate) fn open(dir: &Path, catalogue: &Catalogue) -> Self {
        let text = std::fs::read_to_string(index_file(dir)).unwrap_or_default();
        let mut store: Self = serde_json::from_str(&text).unwrap_or_default();
        dir.clone_into(&mut store.dir);
        let missing = |model: &Installed| store_file(dir, &model.sha256).is_file();
        store.models.retain(missing);
        for entry in catalogue.entries() {
            let known = store.models.iter().any(|model| model.sha256 == entry.sha256);
            if !known && store_file(dir, &entry.sha256).is_file() {
                store.models.push(Installed::of(entry));
            }
        }
        store
    }

    /// Returns what is here.
    pub(crate) fn models(&self) -> &[Installed] {
        &self.models
    }

    /// Finds a model by id.
    pub(crate) fn find(&self, id: &str) -> Option<&Installed> {
        self.models.iter().find(|model| model.id == id)
    }

    /// Returns where a model's file lies.
    pub(crate) fn path(&self, model: &Installed) -> PathBuf {
        store_file(&self.dir, &model.sha256)
    }

    /// Moves a verified file into place and remembers it; the rename is the last step, so that a crash leaves either
    /// nothing or the whole.
    pub(crate) fn add(&mut self, verified: &Path, model: Installed) -> Result<PathBuf, Failure> {
        let target = self.path(&model);
        std::fs::rename(verified, &target).map_err(|error| Failure::of_io(&error, "move a model to", &target))?;
        self.models.retain(|known| known.id != model.id && known.sha256 != model.sha256);
        self.models.push(model);
        self.save()?;
        Ok(target)
    }

    /// Deletes a model; returns how many bytes that frees.
    pub(crate) fn remove(&mut self, id: &str) -> Result<u64, Failure> {
        let Some(model) = self.find(id).cloned() else {
            return Err(Failure::new(ErrorKind::User, format!("no model `{id}` is here")).hint("hearth models list"));
        };
        let path = self.path(&model);
        std::fs::remove_file(&path).map_err(|error| Failure::of_io(&error, "delete", &path))?;
        self.models.retain(|known| known.id != id);
        self.save()?;
        Ok(model.bytes)
    }

    fn save(&self) -> Result<(), Failure> {
        let path = index_file(&self.dir);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::new(ErrorKind::Internal, format!("model index: {error}")))?;
        write_atomically(&path, text.as_bytes())
    }
}

/// Writes a file so that readers see the old text or the new, never half.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let temporary = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error| Failure::of_io(&error, "write", path))
}

/// Hashes whatever a reader gives; returns lower-case hexadecimal and the count of bytes.
pub(crate) fn sha256_of(reader: &mut impl Read) -> std::io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut count = 0_u64;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex(&hasher.finalize()), count));
        }
        hasher.update(&buffer[..read]);
        count += read as u64;
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn index_file(dir: &Path) -> PathBuf {
    dir.join("index.json")
}

fn store_file(dir: &Path, sha256: &str) -> PathBuf {
    dir.join(format!("{sha256}.gguf"))
}

#[cfg(test)]
mod tests {
    use super::{Installed, Store, sha256_of};
    use crate::models::catalogue::Catalogue;

    #[test]
    fn a_model_is_found_again_without_its_index() {
        let home = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::load(home.path()).unwrap();
        let entry = catalogue.find("smollm2-135m").unwrap();
        let mut store = Store::open(home.path(), &catalogue);
        assert!(store.models().is_empty());
        std::fs::write(home.path().join("verified"), "x").unwrap();
        store.add(&home.path().join("verified"), Installed::of(entry)).unwrap();
        std::fs::write(home.path().join("index.json"), "{ torn").unwrap();
        let mut reopened = Store::open(home.path(), &catalogue);
        assert_eq!(reopened.models(), store.models());
        assert_eq!(reopened.remove("smollm2-135m").unwrap(), entry.bytes);
        assert!(Store::open(home.path(), &catalogue).models().is_empty());
    }

    #[test]
    fn the_hash_is_sha256_in_lower_case() {
        let (hash, count) = sha256_of(&mut &b"abc"[..]).unwrap();
        assert_eq!((hash.as_str(), count), ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3));
    }
}
