//! Transcripts of the latest turns, kept as they were read, so that the next turn need not read its whole history again.
//!
//! The file stays the truth: what is kept counts only while the file is byte for byte as this process left it.

use super::Transcript;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Conversations that go on at the same time, and whose histories are worth their memory.
const MAX_TRANSCRIPTS: usize = 4;

/// Size of all kept files together, in bytes. A message takes a few times its line's size in memory.
const MAX_BYTES: u64 = 2 << 20;

/// The transcripts, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Recent(VecDeque<(Transcript, Stamp)>);

/// Tells a file that was left alone from one that was changed or replaced.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: SystemTime,
    /// Device and inode.
    #[cfg(unix)]
    file: (u64, u64),
}

impl Recent {
    /// Keeps a transcript, unless its file holds more than was read and written through it.
    pub(crate) fn keep(&mut self, transcript: Transcript) {
        let Ok(stamp) = Stamp::of(transcript.path()) else { return };
        if stamp.bytes != transcript.bytes {
            return;
        }
        self.0.retain(|(kept, _)| kept.path() != transcript.path());
        self.0.push_back((transcript, stamp));
        while self.0.len() > MAX_TRANSCRIPTS || self.0.iter().map(|(_, stamp)| stamp.bytes).sum::<u64>() > MAX_BYTES {
            self.0.pop_front();
        }
    }

    /// Gives a transcript back if its file is as it was left.
    pub(crate) fn take(&mut self, path: &Path) -> Option<Transcript> {
        let at = self.0.iter().position(|(kept, _)| kept.path() == path)?;
        let (transcript, stamp) = self.0.remove(at)?;
        Stamp::of(path).is_ok_and(|now| now == stamp).then_some(transcript)
    }
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            bytes: metadata.len(),
            modified: metadata.modified()?,
            #[cfg(unix)]
            file: identity(&metadata),
        })
    }
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::{MAX_TRANSCRIPTS, Recent};
    use crate::transcript::{NewSession, Transcript};
    use hearth_core::message::Message;
    use hearth_core::session::SessionKey;
    use jiff::Timestamp;
    use std::fs::{self, File, OpenOptions};
    use std::io::Write as _;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    fn written(path: &Path) -> Transcript {
        let session =
            NewSession { session_id: "1".to_owned(), key: SessionKey::main("main"), workspace: "/home/ada".into() };
        let now = Timestamp::UNIX_EPOCH;
        let mut transcript = Transcript::open(path, &session, now).expect("the transcript opens");
        transcript.append(Message::user("hello", now), now).expect("appended");
        transcript
    }

    #[test]
    fn a_transcript_comes_back_only_while_its_file_is_as_it_was_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("1.jsonl");
        let mut recent = Recent::default();
        let mut kept = |change: &dyn Fn()| {
            recent.keep(written(&path));
            change();
            recent.take(&path).is_some()
        };
        assert!(kept(&|| {}), "left alone");
        let append = || {
            let mut file = OpenOptions::new().append(true).open(&path).expect("the file");
            file.write_all(b"\n").expect("written");
        };
        assert!(!kept(&append), "appended to by another program");
        let edit = || {
            let other = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
            File::options().write(true).open(&path).expect("the file").set_modified(other).expect("touched");
        };
        assert!(!kept(&edit), "edited in place");
        let replace = || {
            let copy = path.with_extension("copy");
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
            fs::copy(&path, &copy).expect("copied");
            File::options().write(true).open(&copy).expect("the copy").set_modified(modified).expect("touched");
            fs::rename(&copy, &path).expect("renamed");
        };
        assert!(!kept(&replace), "replaced");
        assert!(!kept(&|| fs::remove_file(&path).expect("removed")), "removed");
    }

    #[test]
    fn what_was_written_beside_it_is_not_overlooked_and_only_the_latest_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("0.jsonl");
        let mut recent = Recent::default();
        let before = written(&path);
        written(&path);
        recent.keep(before);
        assert!(recent.take(&path).is_none(), "it lacks the second message");
        for number in 1..=MAX_TRANSCRIPTS + 1 {
            recent.keep(written(&folder.path().join(format!("{number}.jsonl"))));
        }
        let held = |recent: &mut Recent, number: usize| recent.take(&folder.path().join(format!("{number}.jsonl")));
        assert!(held(&mut recent, 1).is_none());
        assert!(held(&mut recent, 2).is_some());
    }
}
