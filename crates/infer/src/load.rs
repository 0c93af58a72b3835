//! From options to an engine: threads, context, and whether the model fits into memory.

use std::path::Path;

use hearth_kernels::Pool;

use crate::cache::PrefixStore;
use crate::engine::{Engine, EngineError};
use crate::gguf::Gguf;
use crate::model::{Config, ModelError};
use crate::server::ServeOptions;

/// Context when the options name none: what an agent's conversation needs, at a memory small machines have.
const DEFAULT_CONTEXT: usize = 16_384;
/// Share of a full cache that is counted as needed at the start.
const CACHE_SHARE: u64 = 4;
/// Buffers, vocabulary and grammar.
const OVERHEAD_BYTES: u64 = 150_000_000;

/// Loads the model of `options`.
pub(crate) fn engine(options: &ServeOptions) -> Result<Engine, EngineError> {
    let file = Gguf::open(&options.model_file)?;
    let config = Config::read(&file)?;
    let context = options.context_tokens.map_or(DEFAULT_CONTEXT, |tokens| tokens as usize);
    let context = context.min(config.trained_context);
    let need_bytes = file.file_bytes() + config.cache_bytes(context) / CACHE_SHARE + OVERHEAD_BYTES;
    if let Some(free_bytes) = free_memory()
        && need_bytes > free_bytes
    {
        return Err(ModelError::Memory { need_bytes, free_bytes }.into());
    }
    let store = options.prefix_cache_dir.as_deref().and_then(|folder| PrefixStore::open(folder, &file));
    let pool = Pool::new(options.threads.unwrap_or_else(cores)).map_err(ModelError::from)?;
    Engine::new(file, &options.quirks, pool, context, store)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(64)
}

/// What the system says can be used without swapping: the machine's figure or the container's, whichever is less. `None` where
/// the system does not say.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.saturating_mul(1024);
    let number = |file: &str| -> Option<u64> {
        std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(file)).ok()?.trim().parse().ok()
    };
    let group = number("memory.max").map(|max| max.saturating_sub(number("memory.current").unwrap_or(0)));
    Some(group.map_or(machine, |group| group.min(machine)))
}
