//! Reads the files that belong into a prompt, in order and within limits.

use crate::trim::{self, Cut, Favour};
use jiff::civil::Date;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Always there, in this order; `HEARTBEAT.md` is no part of an ordinary turn.
const FILES: [(&str, Layer); 7] = [
    ("SOUL.md", Layer::Character),
    ("AGENTS.md", Layer::Character),
    ("USER.md", Layer::Private),
    ("TOOLS.md", Layer::Private),
    ("IDENTITY.md", Layer::Character),
    ("MEMORY.md", Layer::Private),
    ("BOOTSTRAP.md", Layer::Bootstrap),
];

/// The guide to the first conversation is meant to be short; this bounds it whatever the limits say, in characters.
const BOOTSTRAP_MAX_CHARS: usize = 4_000;

/// Below this many characters a cut file would be little more than its mark, so only the mark is kept.
const LEAST_USEFUL_CHARS: usize = 200;

/// A file beyond this size is read at both ends only, in bytes; what is not read counts one character a byte.
const READ_MAX_BYTES: u64 = 4 << 20;

/// No file may show more characters than this, so that a file that was not read whole is always cut.
const PER_FILE_MOST_CHARS: usize = 500_000;

/// How much of the workspace a prompt may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Characters a file.
    pub per_file_chars: usize,
    /// Characters of all files together.
    pub total_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_file_chars: 20_000, total_chars: 150_000 }
    }
}

/// Whom a part concerns and how often it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Who the assistant is: anyone may meet it.
    Character,
    /// What it knows about its person: for no one else.
    Private,
    /// The guide to the first conversation, there until the assistant deletes it.
    Bootstrap,
    /// Today's and yesterday's page of the diary: private, and changing during the day.
    Diary,
}

/// One file of the workspace, as a model is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its path below the workspace, with `/`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its text: without comments, cut to the limits.
    pub text: String,
    /// How much was left out.
    pub cut: Option<Cut>,
    /// Whom it concerns.
    pub layer: Layer,
}

pub(crate) fn load(root: &Path, limits: &Limits, today: Date) -> Vec<Part> {
    let Ok(canonical_root) = root.canonicalize() else { return Vec::new() };
    let per_file_chars = limits.per_file_chars.min(PER_FILE_MOST_CHARS);
    let diary = [today.yesterday().ok(), Some(today)]
        .into_iter()
        .flatten()
        .map(|day| (format!("memory/{day}.md"), Layer::Diary));
    let files = FILES.iter().map(|(name, layer)| ((*name).to_owned(), *layer));
    let mut left_chars = limits.total_chars;
    let mut parts = Vec::new();
    for (name, layer) in files.chain(diary) {
        let Some(file) = read_inside(&canonical_root, &name) else { continue };
        let limit = per_file_chars.min(left_chars);
        let Some((text, cut)) = show(&file, &name, layer, limit) else { continue };
        left_chars = left_chars.saturating_sub(text.chars().count());
        parts.push(Part { path: root.join(&name), name, text, cut, layer });
    }
    parts
}

/// Returns what of a file is shown; `None` when it says nothing.
fn show(file: &Bounded, name: &str, layer: Layer, limit: usize) -> Option<(String, Option<Cut>)> {
    let text = trim::without_comments(&String::from_utf8_lossy(&file.bytes));
    if trim::says_nothing(&text) {
        return None;
    }
    let limit = if layer == Layer::Bootstrap { limit.min(BOOTSTRAP_MAX_CHARS) } else { limit };
    let favour = if layer == Layer::Diary { Favour::Tail } else { Favour::Head };
    let source = trim::Source { name, text: text.trim(), unread: file.unread };
    Some(if limit < LEAST_USEFUL_CHARS { trim::mark_only(&source, limit) } else { trim::cut(&source, limit, favour) })
}

/// Reads a file of the folder; `None` when there is none, when it can't be read, or when it leads out of the folder.
fn read_inside(canonical_root: &Path, name: &str) -> Option<Bounded> {
    let path = canonical_root.join(name).canonicalize().ok()?;
    // A name that leads elsewhere would put a stranger's file into the prompt; a pipe would never end.
    if !path.starts_with(canonical_root) || !path.is_file() {
        return None;
    }
    read_bounded(&path).ok()
}

/// What was read of a file.
struct Bounded {
    bytes: Vec<u8>,
    /// Bytes in the middle of a very large file that were not read.
    unread: usize,
}

fn read_bounded(path: &Path) -> io::Result<Bounded> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    if length <= READ_MAX_BYTES {
        file.take(READ_MAX_BYTES).read_to_end(&mut bytes)?;
        return Ok(Bounded { bytes, unread: 0 });
    }
    let half = READ_MAX_BYTES / 2;
    (&mut file).take(half).read_to_end(&mut bytes)?;
    file.seek(SeekFrom::Start(length - half))?;
    file.take(half).read_to_end(&mut bytes)?;
    Ok(Bounded { bytes, unread: usize::try_from(length - READ_MAX_BYTES).unwrap_or(usize::MAX) })
}
