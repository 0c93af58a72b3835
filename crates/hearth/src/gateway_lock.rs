//! One gateway a home: a lock file that says who holds it, held by the kernel so that it ends with the process.

use crate::error::Failure;
use hearth_config::Home;
use hearth_core::error::ErrorKind;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// How long to wait between tries to take a lock that nobody has put a name on.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(80), Duration::from_millis(200)];

/// The running gateway, as its lock file tells.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Holder {
    /// Its process id.
    pub(crate) pid: u32,
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// Its version.
    pub(crate) version: String,
    /// When it started, in milliseconds since 1970.
    pub(crate) started_ms: i64,
    /// True once it answers.
    pub(crate) ready: bool,
}

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock.
    pub(crate) async fn take(home: &Home) -> Result<Self, Failure> {
        let path = path(home);
        let file = open(&path).map_err(|error| Failure::of_io(&error, "open", &path))?;
        for pause in PAUSES {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { file, path }),
                // Nobody is named: someone only looks whether it is held, which takes no time.
                Err(rustix::io::Errno::WOULDBLOCK) if read(home).is_none() => tokio::time::sleep(pause).await,
                Err(rustix::io::Errno::WOULDBLOCK) => break,
                Err(error) => return Err(Failure::of_io(&error.into(), "lock", &path)),
            }
        }
        Err(held(read(home).as_ref()))
    }

    /// Writes down who holds it.
    pub(crate) fn tell(&mut self, holder: &Holder) -> Result<(), Failure> {
        let text = serde_json::to_vec(holder).unwrap_or_default();
        let mut write = || -> std::io::Result<()> {
            self.file.rewind()?;
            self.file.set_len(0)?;
            self.file.write_all(&text)
        };
        write().map_err(|error| Failure::of_io(&error, "write", &self.path))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays, emptied: removing it would let two gateways hold locks on two files of that name.
        self.file.set_len(0).ok();
    }
}

/// Returns who holds the lock; `None` when nobody does, whatever the file says.
pub(crate) fn holder(home: &Home) -> Option<Holder> {
    let file = File::open(path(home)).ok()?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => read(home),
        _ => None,
    }
}

/// True while a gateway holds the lock, even before it has said who it is.
pub(crate) fn is_held(home: &Home) -> bool {
    File::open(path(home)).is_ok_and(|file| {
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
    })
}

fn held(holder: Option<&Holder>) -> Failure {
    let Some(holder) = holder else {
        return Failure::new(ErrorKind::User, "another hearth command is at work in this home")
            .hint("run the same command again in a moment");
    };
    let who = format!("process {}, port {}", holder.pid, holder.port);
    Failure::new(ErrorKind::User, format!("a gateway of this home is already running ({who})"))
        .hint("hearth gateway status; to replace it: hearth gateway stop")
}

fn read(home: &Home) -> Option<Holder> {
    serde_json::from_str(&std::fs::read_to_string(path(home)).ok()?).ok()
}

fn open(path: &std::path::Path) -> std::io::Result<File> {
    File::options().create(true).truncate(false).read(true).write(true).open(path)
}

fn path(home: &Home) -> PathBuf {
    home.run_dir().join("gateway.lock")
}

#[cfg(test)]
mod tests {
    use super::{Holder, Lock, holder};
    use hearth_config::{Environment, Home};

    #[tokio::test]
    async fn the_second_is_told_who_is_first_and_a_dead_one_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let none = Environment::fixed(std::iter::empty::<(&str, &str)>());
        let home = Home::locate(Some(folder.path().to_owned()), &none).unwrap();
        home.create().unwrap();
        assert_eq!(holder(&home), None);
        let first = Holder { pid: 7, port: 18789, version: "0".to_owned(), started_ms: 0, ready: true };
        let mut lock = Lock::take(&home).await.unwrap();
        lock.tell(&first).unwrap();
        assert_eq!(holder(&home), Some(first));
        let failure = Lock::take(&home).await.unwrap_err();
        assert!(failure.to_string().contains("process 7"), "{failure}");
        drop(lock);
        assert_eq!(holder(&home), None);
        Lock::take(&home).await.unwrap();
    }
}
