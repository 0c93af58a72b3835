//! What this machine has: memory, disk space, and what a process of ours takes.

use std::path::Path;

/// Returns the memory that can be used without pushing others out, in bytes; the smaller of what the machine and the
/// container allow. 0 when the system does not say.
pub(crate) fn available_memory_bytes() -> u64 {
    let free = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| field_kib(&text, "MemAvailable:"));
    let container = container_memory_bytes();
    match (free, container) {
        (Some(free), Some(limit)) => free.min(limit),
        (Some(bytes), None) | (None, Some(bytes)) => bytes,
        (None, None) => 0,
    }
}

/// Returns what a process keeps in memory, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    field_kib(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:")
}

/// Returns the space left for this user on the disk that holds `path` (or its nearest existing parent), in bytes.
pub(crate) fn free_disk_bytes(path: &Path) -> std::io::Result<u64> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let stat = rustix::fs::statvfs(existing)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn container_memory_bytes() -> Option<u64> {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max")?;
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    // The page cache counts as used but gives way.
    let cache = std::fs::read_to_string("/sys/fs/cgroup/memory.stat")
        .ok()
        .and_then(|text| field(&text, "inactive_file"))
        .unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cache)))
}

fn field_kib(text: &str, name: &str) -> Option<u64> {
    field(text, name).map(|kib| kib.saturating_mul(1024))
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{field_kib, free_disk_bytes};

    #[test]
    fn kernel_tables_are_read_by_whole_names() {
        let text = "MemTotal: 9 kB\nMemAvailable:   1234 kB\n";
        assert_eq!(field_kib(text, "MemAvailable:"), Some(1234 * 1024));
        assert_eq!(field_kib(text, "Mem"), None);
    }

    #[test]
    fn the_disk_of_a_path_that_is_not_there_yet_is_its_parents() {
        let home = tempfile::tempdir().unwrap();
        assert!(free_disk_bytes(&home.path().join("a/b/c")).unwrap() > 0);
    }
}
