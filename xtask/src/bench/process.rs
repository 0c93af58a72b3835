//! Another process, its children included: how much processor time and memory it took.

use crate::stopwatch::{Stopwatch, pause};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The kernel's unit of processor times in `/proc`, a hundredth of a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// A running process with its group; both end when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts a process in a group of its own; its output goes to a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let out = fs::File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let errors = out.try_clone()?;
        let name = command.get_program().to_string_lossy().into_owned();
        let command = command.stdin(Stdio::null()).stdout(out).stderr(errors).process_group(0);
        Ok(Self { child: command.spawn().with_context(|| format!("starting {name}"))? })
    }

    /// Waits until `ready` says so; looks every millisecond. Fails when the process ends first or time runs out.
    pub(crate) fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let watch = Stopwatch::start();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status} before it was ready");
            }
            if watch.elapsed() > limit {
                bail!("it was not ready within {} s", limit.as_secs());
            }
            pause(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Returns the processor time the process and its living and ended children have taken so far.
    pub(crate) fn cpu(&self) -> Duration {
        self.family().into_iter().map(|pid| own_cpu(pid) + ended_children(pid)).sum()
    }

    /// Returns the memory the process and its children hold: resident pages, shared ones counted in each.
    pub(crate) fn resident_megabytes(&self) -> f64 {
        self.family().into_iter().map(|pid| f64::from(resident_kilobytes(pid)) / 1024.0).sum()
    }

    fn family(&self) -> Vec<u32> {
        let mut family = vec![self.child.id()];
        let parents: Vec<(u32, u32)> = processes().filter_map(|pid| Some((pid, stat(pid)?.parent))).collect();
        let mut next = 0;
        while let Some(parent) = family.get(next).copied() {
            family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
            next += 1;
        }
        family
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group first: a peer leaves helpers behind when only its first process ends.
        let group = format!("-{}", self.child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a command to its end and returns the processor time it took, children included. Precise to a tick, so callers
/// add up many runs.
pub(crate) fn cpu_of_runs(make: impl Fn() -> Command, runs: u32) -> Result<Duration> {
    let own = std::process::id();
    let before = ended_children(own);
    for _ in 0..runs {
        let mut command = make();
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let name = command.get_program().to_string_lossy().into_owned();
        let status = status.with_context(|| format!("running {name}"))?;
        if !status.success() {
            bail!("{name} ended with {status}");
        }
    }
    Ok(ended_children(own).saturating_sub(before))
}

/// The fields of `/proc/<pid>/stat` that are needed.
struct Stat {
    parent: u32,
    own: Duration,
    children: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; fields are counted behind it, the third being the first there.
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
    Some(Stat {
        parent: number(4)?,
        own: TICK * (number(14)? + number(15)?),
        children: TICK * (number(16)? + number(17)?),
    })
}

fn ended_children(pid: u32) -> Duration {
    stat(pid).map_or(Duration::ZERO, |stat| stat.children)
}

/// The scheduler counts nanoseconds for each living thread, `stat` ticks for all that ever were: the larger is nearer.
fn own_cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let precise = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    });
    let precise: Duration = precise.sum();
    precise.max(stat(pid).map_or(Duration::ZERO, |stat| stat.own))
}

fn resident_kilobytes(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    kilobytes.unwrap_or(0)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{Running, cpu_of_runs};
    use crate::stopwatch::{Stopwatch, pause};
    use std::process::Command;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(20);

    fn busy(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_family_is_measured_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let done = folder.path().join("done");
        let work = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";
        let script = format!("sh -c 'sleep 60 & {work}; : > {}; wait'; true", done.display());
        let mut running = Running::start(&mut busy(&script), &folder.path().join("log")).unwrap();
        running.wait_until(LIMIT, || done.exists()).unwrap();
        assert!(running.cpu() >= Duration::from_millis(5), "{:?}", running.cpu());
        assert!(running.resident_megabytes() > 0.5);
        let family = running.family();
        assert_eq!(family.len(), 3, "sh, its sh, and sleep: {family:?}");
        drop(running);
        // The kernel ends them in its own time.
        let watch = Stopwatch::start();
        while family.iter().any(|pid| lives(*pid)) {
            assert!(watch.elapsed() < LIMIT, "{family:?} outlived their group");
            pause(Duration::from_millis(1));
        }
    }

    /// A zombie that its new parent has not yet asked for is no longer alive.
    fn lives(pid: u32) -> bool {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        text.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    }

    #[test]
    fn an_early_end_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start(&mut busy("exit 3"), &folder.path().join("log")).unwrap();
        let error = running.wait_until(LIMIT, || false).unwrap_err().to_string();
        assert_eq!(error, "it ended with exit status: 3 before it was ready");
        assert!(cpu_of_runs(|| busy("exit 1"), 1).is_err());
    }
}
