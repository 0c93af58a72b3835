//! Where a path leads, and whether it may.
//!
//! A path is first followed to where it really leads, links and `..` included, to find the root it belongs to. Then it is
//! opened relative to that root by `cap-std`, which lets nothing lead out of the root: what is swapped for a link
//! between the two steps is refused, not followed.

use crate::{Access, Error, Grant, ToolsConfig};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hearth_core::tool::ToolError;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The longest path that is looked at, in bytes (the limit of Linux).
const PATH_BYTES: usize = 4_096;

/// The longest name of a file, in bytes (the limit of nearly every file system).
const NAME_BYTES: usize = 255;

/// The folders the tools may touch.
#[derive(Debug)]
pub(crate) struct Roots {
    workspace: PathBuf,
    home: Option<PathBuf>,
    grants: Vec<Grant>,
    protected: Vec<PathBuf>,
    changing: Mutex<()>,
}

/// What a path may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Change,
}

/// A path that may be used.
#[derive(Debug)]
pub(crate) struct Place {
    /// The root it lies in, open.
    pub(crate) root: Dir,
    /// Where in the root; `.` for the root itself.
    pub(crate) relative: PathBuf,
    /// The whole path, free of links.
    pub(crate) absolute: PathBuf,
    /// How it is shown: relative to the workspace where it lies in it.
    pub(crate) shown: String,
}

struct Root<'a> {
    path: PathBuf,
    access: Access,
    configured: &'a Path,
}

impl Roots {
    pub(crate) fn new(config: &ToolsConfig) -> Result<Self, Error> {
        let fail = |source| Error::Workspace { path: config.workspace.clone(), source };
        let workspace = config.workspace.canonicalize().map_err(fail)?;
        Dir::open_ambient_dir(&workspace, ambient_authority()).map_err(fail)?;
        let home = config.home().map(Path::to_owned);
        let mut grants = config.grants.clone();
        for grant in &mut grants {
            grant.path = at_home(home.as_deref(), &grant.path);
            if !grant.path.is_absolute() {
                return Err(Error::RelativeGrant { path: grant.path.clone() });
            }
        }
        // Where a protected folder does not exist yet its name counts as it is written.
        let protected = config.protected.iter().map(|path| followed(path).unwrap_or_else(|_| path.clone())).collect();
        Ok(Self { workspace, home, grants, protected, changing: Mutex::default() })
    }

    /// Returns where commands start.
    pub(crate) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Waits for its turn to change files: of two changes of one file the second must see the first. For blocking threads.
    pub(crate) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds out where a path leads and whether it may be used so.
    pub(crate) fn place(&self, path: &str, wanted: Use) -> Result<Place, ToolError> {
        let written = self.workspace.join(at_home(self.home.as_deref(), checked(path)?));
        let absolute = followed(&written).map_err(|error| unreachable_path(path, &error))?;
        if self.protected.iter().any(|protected| absolute.starts_with(protected)) {
            return Err(ToolError::Denied(format!("{path} holds secrets; no tool may touch it")));
        }
        let roots = self.roots();
        let closest =
            roots.iter().filter(|root| absolute.starts_with(&root.path)).max_by_key(|root| root.path.as_os_str().len());
        let Some(root) = closest else { return Err(Self::outside(path, &absolute, &roots, wanted)) };
        if wanted == Use::Change && root.access == Access::Read {
            return Err(ToolError::Denied(format!(
                "{path} lies in {}, which may only be read. {}",
                root.configured.display(),
                how_to_grant(root.configured, "readWrite")
            )));
        }
        self.open(root, absolute)
            .map_err(|error| ToolError::Failed(format!("cannot open the folder of {path}: {error}")))
    }

    /// Shows a path as the model should write it.
    pub(crate) fn show(&self, absolute: &Path) -> String {
        match absolute.strip_prefix(&self.workspace) {
            Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
            Ok(inside) => inside.display().to_string(),
            Err(_) => absolute.display().to_string(),
        }
    }

    /// The roots as they are now: a granted folder may come and go (a stick, a network drive).
    fn roots(&self) -> Vec<Root<'_>> {
        let workspace = Root { path: self.workspace.clone(), access: Access::ReadWrite, configured: &self.workspace };
        let grants = self.grants.iter().filter_map(|grant| {
            let path = grant.path.canonicalize().ok()?;
            Some(Root { path, access: grant.access, configured: &grant.path })
        });
        std::iter::once(workspace).chain(grants).collect()
    }

    fn open(&self, root: &Root<'_>, absolute: PathBuf) -> io::Result<Place> {
        // A grant may be one file: then it is opened from its folder, by exactly its name.
        let folder = if root.path.is_dir() { root.path.as_path() } else { root.path.parent().unwrap_or(&root.path) };
        let inside = absolute.strip_prefix(folder).unwrap_or(Path::new(""));
        let relative = if inside.as_os_str().is_empty() { Path::new(".") } else { inside }.to_owned();
        let shown = self.show(&absolute);
        Ok(Place { root: Dir::open_ambient_dir(folder, ambient_authority())?, relative, absolute, shown })
    }

    fn outside(path: &str, absolute: &Path, roots: &[Root<'_>], wanted: Use) -> ToolError {
        let open = roots.iter().map(|root| {
            let access = if root.access == Access::Read { "read only" } else { "read and write" };
            format!("{} ({access})", root.path.display())
        });
        let access = if wanted == Use::Change { "readWrite" } else { "read" };
        let folder = if absolute.is_dir() { absolute } else { absolute.parent().unwrap_or(absolute) };
        ToolError::Denied(format!(
            "{path} is outside the folders you may use: {}. {}",
            open.collect::<Vec<_>>().join(", "),
            how_to_grant(folder, access)
        ))
    }
}

fn how_to_grant(folder: &Path, access: &str) -> String {
    let grant = serde_json::json!([{ "path": folder.to_string_lossy(), "access": access }]);
    format!("The owner can open it with: hearth config set tools.grants '{grant}'")
}

fn at_home(home: Option<&Path>, path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    match (home, path.strip_prefix("~")) {
        (Some(home), Ok(inside)) => home.join(inside),
        _ => path.to_owned(),
    }
}

fn checked(path: &str) -> Result<&str, ToolError> {
    let refuse = |what: &str| Err(ToolError::Arguments(format!("the path {what}")));
    if path.trim().is_empty() {
        return refuse("is empty; name a file, for example notes/todo.md");
    }
    if path.contains('\0') {
        return refuse("contains a NUL character, which no file name can");
    }
    if path.len() > PATH_BYTES {
        return refuse("is longer than 4,096 bytes");
    }
    if path.split('/').any(|name| name.len() > NAME_BYTES) {
        return refuse("has a name longer than 255 bytes in it");
    }
    Ok(path)
}

fn unreachable_path(path: &str, error: &io::Error) -> ToolError {
    match error.kind() {
        ErrorKind::PermissionDenied => ToolError::Denied(format!("{path}: this machine's user may not go there")),
        _ => ToolError::Failed(format!("cannot follow {path}: {error}")),
    }
}

/// Follows a path to where it really leads. What does not exist yet is taken as it is written.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut missing = Vec::new();
    let mut existing = path;
    let mut real = loop {
        match existing.canonicalize() {
            Ok(real) => break real,
            // A file in the middle of the path: the operation itself will say so.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                let mut components = existing.components();
                match components.next_back() {
                    Some(last @ (Component::Normal(_) | Component::ParentDir)) => missing.push(last),
                    _ => return Err(error),
                }
                existing = components.as_path();
            }
            Err(error) => return Err(error),
        }
    };
    for component in missing.into_iter().rev() {
        match component {
            Component::ParentDir => {
                real.pop();
            }
            component => real.push(component),
        }
    }
    Ok(real)
}
