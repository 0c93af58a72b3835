//! Named credentials on disk: one file each, readable by nobody else, replaced atomically.

use crate::error::Error;
use crate::reference::{checked, read_small};
use crate::secret::Secret;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Named credentials in one folder (`credentials/` of the home).
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
}

const SUFFIX: &str = ".secret";
const MAX_NAME_BYTES: usize = 64;

impl Vault {
    /// Names the folder; nothing is read or created yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps a credential under a name, replacing the old one; a crash leaves the old or the new one, whole.
    ///
    /// # Errors
    /// The name or the value can't be used, or the file can't be written.
    pub fn save(&self, name: &str, secret: &Secret) -> Result<(), Error> {
        let path = self.path(name)?;
        let secret = checked(secret.expose(), || format!("the value for `{name}`"))?;
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { action: "write", path, source }
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(io(&self.folder))?;
        let draft = self.folder.join(format!(".{name}.{}.draft", std::process::id()));
        let written = write_private(&draft, secret.expose()).and_then(|()| fs::rename(&draft, &path));
        if let Err(source) = written {
            // The draft may not exist; the write's failure is what the person needs to know.
            drop(fs::remove_file(&draft));
            return Err(io(&path)(source));
        }
        let folder = fs::File::open(&self.folder).map_err(io(&self.folder))?;
        folder.sync_all().map_err(io(&self.folder))
    }

    /// Returns the credential of a name.
    ///
    /// # Errors
    /// There is none, other accounts can read its file, or the file can't be read.
    pub fn load(&self, name: &str) -> Result<Secret, Error> {
        let path = self.path(name)?;
        let metadata = match fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NotStored { name: name.to_owned() });
            }
            other => other.map_err(|source| Error::Io { action: "read", path: path.clone(), source })?,
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::Exposed { path, mode });
        }
        checked(read_small(&path)?.expose(), || format!("stored secret `{name}`"))
    }

    /// Forgets a credential; true when there was one.
    ///
    /// # Errors
    /// The name can't be one, or the file can't be removed.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        let path = self.path(name)?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Error::Io { action: "remove", path, source }),
        }
    }

    /// Returns the stored names, sorted; none when the folder does not exist.
    ///
    /// # Errors
    /// The folder can't be listed.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let io = |source| Error::Io { action: "list", path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(io)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let file_name = entry.map_err(io)?.file_name();
            names.extend(file_name.to_str().and_then(|text| text.strip_suffix(SUFFIX)).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    fn path(&self, name: &str) -> Result<PathBuf, Error> {
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.'));
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
        if plain && starts_well && name.len() <= MAX_NAME_BYTES {
            Ok(self.folder.join(format!("{name}{SUFFIX}")))
        } else {
            Err(Error::InvalidName { name: name.chars().take(80).collect() })
        }
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // A left-over draft keeps the mode it was created with.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::Vault;
    use crate::error::Error;
    use crate::secret::Secret;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_is_kept_privately_replaced_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path().join("credentials"));
        assert_eq!(vault.names().unwrap(), Vec::<String>::new());
        vault.save("anthropic", &Secret::new("one\n")).unwrap();
        vault.save("anthropic", &Secret::new("two")).unwrap();
        vault.save("openai.work", &Secret::new("three")).unwrap();
        assert_eq!(vault.load("anthropic").unwrap().expose(), "two");
        assert_eq!(vault.names().unwrap(), ["anthropic", "openai.work"]);
        let file = folder.path().join("credentials/anthropic.secret");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(vault.remove("anthropic").unwrap());
        assert!(!vault.remove("anthropic").unwrap());
        assert!(matches!(vault.load("anthropic"), Err(Error::NotStored { .. })));
    }

    #[test]
    fn names_that_leave_the_folder_and_exposed_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path().to_owned());
        for name in ["", "../x", "a/b", ".hidden", "A", &"a".repeat(65)] {
            assert!(matches!(vault.save(name, &Secret::new("x")), Err(Error::InvalidName { .. })), "{name}");
        }
        vault.save("open", &Secret::new("value")).unwrap();
        let file = folder.path().join("open.secret");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = vault.load("open").unwrap_err();
        assert_eq!(error.hint(), format!("chmod 600 {}", file.display()));
    }
}
