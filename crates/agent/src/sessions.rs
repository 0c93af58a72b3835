//! Which transcript belongs to which conversation: `sessions.json`, a list that can be rebuilt from the transcripts.

use crate::error::Error;
use crate::transcript::{self, Description};
use hearth_core::message::Usage;
use hearth_core::session::SessionKey;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The list's name in the folder of sessions.
const LIST: &str = "sessions.json";

/// A longer list is taken for damaged, in bytes.
const LIST_MAX_BYTES: u64 = 64 << 20;

/// One conversation, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// Its name.
    pub key: SessionKey,
    /// The id of its present transcript, a UUID.
    pub session_id: String,
    /// When its last turn ended, in milliseconds since 1970.
    pub updated_at_ms: i64,
    /// The model that answered last, as `provider/model`; empty before the first answer.
    pub model: String,
    /// Tokens that all turns of the present transcript took.
    pub total_tokens: u64,
    /// The beginning of its first message; empty before that.
    pub title: String,
}

/// What the list keeps of a session. Keys of other programs are kept as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SessionRecord {
    pub(crate) session_id: String,
    pub(crate) updated_at: i64,
    /// A name in the folder of sessions.
    pub(crate) session_file: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) model: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) model_provider: String,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) total_tokens: u64,
    pub(crate) context_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    pub(crate) aborted_last_run: bool,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl SessionRecord {
    fn new(session_id: String, updated_at: i64) -> Self {
        let session_file = format!("{session_id}.jsonl");
        Self { session_id, updated_at, session_file, ..Self::default() }
    }

    /// Adds what a turn took.
    pub(crate) fn add(&mut self, usage: &Usage) {
        self.input_tokens += usage.input + usage.cache_read + usage.cache_write;
        self.output_tokens += usage.output;
        self.total_tokens += usage.total_tokens;
    }

    fn summary(&self, key: &SessionKey) -> SessionSummary {
        let model = match (self.model_provider.as_str(), self.model.as_str()) {
            ("", model) => model.to_owned(),
            (provider, model) => format!("{provider}/{model}"),
        };
        SessionSummary {
            key: key.clone(),
            session_id: self.session_id.clone(),
            updated_at_ms: self.updated_at,
            model,
            total_tokens: self.total_tokens,
            title: self.label.clone().unwrap_or_default(),
        }
    }
}

/// The list of an agent's sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    folder: PathBuf,
    agent: String,
    records: BTreeMap<SessionKey, SessionRecord>,
}

impl Sessions {
    /// Opens the list. A missing or damaged one is rebuilt from the transcripts; the damaged file is kept beside it.
    pub(crate) fn open(folder: &Path, agent: &str) -> Result<Self, Error> {
        transcript::make_private_folder(folder).map_err(|source| Error::io("create", folder, source))?;
        let path = folder.join(LIST);
        let mut sessions = Self { folder: folder.to_owned(), agent: agent.to_owned(), records: BTreeMap::new() };
        match read_list(&path) {
            Ok(records) => sessions.records = records,
            Err(error) if error.kind() == io::ErrorKind::NotFound => sessions.rebuild()?,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                set_aside(&path)?;
                sessions.rebuild()?;
            }
            Err(error) => return Err(Error::io("read", &path, error)),
        }
        Ok(sessions)
    }

    /// Returns a session's record; one that is new gets a fresh id.
    pub(crate) fn find_or_begin(&mut self, key: &SessionKey, now_ms: i64) -> Result<SessionRecord, Error> {
        if let Some(record) = self.records.get(key) {
            return Ok(record.clone());
        }
        self.begin(key, now_ms)
    }

    /// Gives a session a new transcript, which its next turn makes; the old one stays on disk.
    pub(crate) fn begin(&mut self, key: &SessionKey, now_ms: i64) -> Result<SessionRecord, Error> {
        let record = SessionRecord::new(uuid::Uuid::new_v4().to_string(), now_ms);
        self.records.insert(key.clone(), record.clone());
        self.save()?;
        Ok(record)
    }

    /// Changes a session's record, unless the session has begun anew meanwhile.
    pub(crate) fn update(
        &mut self,
        key: &SessionKey,
        session_id: &str,
        change: impl FnOnce(&mut SessionRecord),
    ) -> Result<(), Error> {
        let Some(record) = self.records.get_mut(key).filter(|record| record.session_id == session_id) else {
            return Ok(());
        };
        change(record);
        self.save()
    }

    /// Returns where a session's transcript is, if the session is known.
    pub(crate) fn transcript_path(&self, key: &SessionKey) -> Option<PathBuf> {
        self.records.get(key).map(|record| self.path_of(record))
    }

    /// Returns where a record's transcript is: always in this folder, whatever an imported list says.
    pub(crate) fn path_of(&self, record: &SessionRecord) -> PathBuf {
        let name = Path::new(&record.session_file).file_name();
        name.map_or_else(|| self.folder.join(format!("{}.jsonl", record.session_id)), |name| self.folder.join(name))
    }

    /// Returns all sessions, the latest first.
    pub(crate) fn summaries(&self) -> Vec<SessionSummary> {
        let mut summaries: Vec<_> = self.records.iter().map(|(key, record)| record.summary(key)).collect();
        summaries.sort_by_key(|summary| std::cmp::Reverse(summary.updated_at_ms));
        summaries
    }

    fn save(&self) -> Result<(), Error> {
        let path = self.folder.join(LIST);
        write_list(&path, &self.records).map_err(|source| Error::io("write", &path, source))
    }

    /// Takes every transcript's own word for where it belongs; of several the latest is the present one.
    fn rebuild(&mut self) -> Result<(), Error> {
        let mut transcripts: Vec<(PathBuf, Description)> = Vec::new();
        let entries = fs::read_dir(&self.folder).map_err(|source| Error::io("read", &self.folder, source))?;
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let description = transcript::describe(&path)?;
                transcripts.push((path, description));
            }
        }
        if transcripts.is_empty() {
            return Ok(());
        }
        transcripts.sort_by(|(path, one), (other_path, other)| {
            (one.updated_at_ms, path).cmp(&(other.updated_at_ms, other_path))
        });
        for (path, description) in transcripts {
            self.adopt(&path, description);
        }
        self.save()
    }

    fn adopt(&mut self, path: &Path, description: Description) {
        let (Some(updated_at_ms), Some(stem), Some(name)) = (
            description.updated_at_ms,
            path.file_stem().and_then(|stem| stem.to_str()),
            path.file_name().and_then(|name| name.to_str()),
        ) else {
            return;
        };
        let session_id = description.session_id.unwrap_or_else(|| stem.to_owned());
        // A transcript of another program does not say its key: it gets one of its own, so that it can be found.
        let unnamed = || SessionKey::parse(&format!("agent:{}:recovered-{session_id}", self.agent)).ok();
        let Some(key) = description.key.filter(|key| key.agent() == self.agent).or_else(unnamed) else { return };
        let mut record = SessionRecord::new(session_id, updated_at_ms);
        name.clone_into(&mut record.session_file);
        record.label = description.title;
        self.records.insert(key, record);
    }
}

/// Reads the list; what is no list is [`io::ErrorKind::InvalidData`].
fn read_list(path: &Path) -> io::Result<BTreeMap<SessionKey, SessionRecord>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LIST_MAX_BYTES).read_to_end(&mut bytes)?;
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let values: BTreeMap<String, Value> = serde_json::from_slice(&bytes).map_err(invalid)?;
    let mut records = BTreeMap::new();
    for (key, value) in values {
        let Ok(key) = SessionKey::parse(&key) else { continue };
        let record: SessionRecord = serde_json::from_value(value).map_err(invalid)?;
        records.insert(key, record);
    }
    Ok(records)
}

/// Writes the list beside its place and gives it its name at once: a reader sees the old list or the new one.
fn write_list(path: &Path, records: &BTreeMap<SessionKey, SessionRecord>) -> io::Result<()> {
    let staged = path.with_extension("json.new");
    let mut file = File::create(&staged)?;
    file.write_all(&serde_json::to_vec_pretty(records)?)?;
    file.write_all(b"\n")?;
    fs::rename(&staged, path)
}

/// Keeps a damaged list under the first free name beside it.
fn set_aside(path: &Path) -> Result<(), Error> {
    let free =
        (1_u32..).map(|number| path.with_extension(format!("json.damaged-{number}"))).find(|path| !path.exists());
    match free {
        Some(kept) => fs::rename(path, &kept).map_err(|source| Error::io("rename", path, source)),
        None => Ok(()),
    }
}
