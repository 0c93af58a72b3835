//! Builds again whenever something in the site's folder has changed.

use super::Server;
use crate::build::build;
use crate::cache::Cache;
use crate::stamp::stamp;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How often the folder is looked at.
const EVERY: Duration = Duration::from_millis(250);

/// Watches until the server stops.
pub(super) fn watch(server: &Server, told: &(dyn Fn(&str) + Sync)) {
    let root = &server.options.root;
    let mut cache = Cache::load(root);
    let mut before = None;
    // Nothing is ever sent: the channel is a clock that lets the thread rest.
    let (_keep, rest) = sync_channel::<()>(1);
    while !server.is_stopped() {
        let seen = stamp(&server.options, b"");
        if before.as_ref() != Some(&seen) {
            let line = rebuild(server, &mut cache);
            told(&line);
            before = Some(seen);
        }
        if rest.recv_timeout(EVERY) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

fn rebuild(server: &Server, cache: &mut Cache) -> String {
    let result = server.set_base().and_then(|()| build(&server.options, cache));
    let (line, error) = match result {
        Ok(report) => {
            let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
            let line = format!("built {} pages, {} files changed", report.pages, report.changed);
            ([vec![line], problems].concat().join("\n"), None)
        }
        Err(error) => (error.to_string(), Some(error.to_string())),
    };
    // A cache that can't be kept only makes the next start slower.
    let kept = cache.save(&server.options.root).err().map(|error| format!("\n{error}")).unwrap_or_default();
    server.change(|state| {
        state.build += 1;
        state.error = error;
    });
    line + &kept
}
