//! What a command prints: followed to its end, kept within bounds.

use crate::cleaner::Cleaner;
use crate::clip::{clip, clip_start};
use hearth_core::CancellationToken;
use hearth_sandbox::{Error, Exit, Running};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long a command is given to end by itself when its time is over.
const GRACE: Duration = Duration::from_secs(2);

/// The same when the person has stopped it: who presses Esc waits.
const STOPPED_GRACE: Duration = Duration::from_millis(300);

/// Longest line within which a carriage return still overwrites what was there.
const OVERWRITTEN_BYTES: usize = 4_096;

/// How a command ended.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself. Something it started still ran, and was killed, when `left_running` is true.
    Exited { exit: Exit, left_running: bool },
    /// Its time was over.
    TimedOut,
    /// Someone wanted it stopped.
    Stopped,
    /// Nobody knows.
    Lost(Error),
}

/// Follows a command to its end, or ends it and all it started; hands out what it prints, cleaned, as it comes.
pub(crate) async fn follow(
    running: &mut Running,
    deadline: Instant,
    stop: &CancellationToken,
    mut sink: impl FnMut(&str) + Send,
) -> End {
    let exit = tokio::select! {
        biased;
        () = stop.cancelled() => return ended(running.terminate(STOPPED_GRACE).await, End::Stopped),
        () = sleep_until(deadline) => return ended(running.terminate(GRACE).await, End::TimedOut),
        exit = drain(running, &mut sink) => exit,
    };
    let left_running = running.left_something_running();
    match exit {
        Ok(exit) if left_running => ended(running.terminate(GRACE).await, End::Exited { exit, left_running }),
        Ok(exit) => End::Exited { exit, left_running },
        Err(error) => End::Lost(error),
    }
}

async fn drain(running: &mut Running, sink: &mut (impl FnMut(&str) + Send)) -> Result<Exit, Error> {
    let mut cleaner = Cleaner::default();
    while let Some(chunk) = running.next_chunk().await {
        sink(&cleaner.push(&chunk.bytes));
    }
    running.wait().await
}

fn ended(terminated: Result<Exit, Error>, end: End) -> End {
    match terminated {
        Ok(_) => end,
        Err(error) => End::Lost(error),
    }
}

/// The beginning and the end of an output; what is between is counted only.
#[derive(Debug)]
pub(crate) struct Capture {
    cap_bytes: usize,
    head: String,
    tail: String,
    left_out_bytes: usize,
    /// The line that has not ended; a progress bar overwrites it again and again.
    line: String,
    overwrite: bool,
}

impl Capture {
    /// Keeps at most `cap_bytes`, half of them from the beginning.
    pub(crate) fn new(cap_bytes: usize) -> Self {
        Self {
            cap_bytes,
            head: String::new(),
            tail: String::new(),
            left_out_bytes: 0,
            line: String::new(),
            overwrite: false,
        }
    }

    pub(crate) fn cap_bytes(&self) -> usize {
        self.cap_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.line.is_empty()
    }

    pub(crate) fn push(&mut self, text: &str) {
        match text.rfind('\n') {
            // Nothing is overwritten: whole lines go as one.
            Some(last) if !self.overwrite && !text.contains('\r') => {
                let (lines, rest) = text.split_at(last + 1);
                let line = std::mem::take(&mut self.line);
                self.store(&line);
                self.store(lines);
                self.line.push_str(rest);
            }
            _ => self.push_lines(text),
        }
    }

    fn push_lines(&mut self, text: &str) {
        for piece in text.split_inclusive(['\n', '\r']) {
            let (content, ending) = match piece.as_bytes().last() {
                Some(ending @ (b'\n' | b'\r')) => (&piece[..piece.len() - 1], Some(*ending)),
                _ => (piece, None),
            };
            if self.overwrite && !content.is_empty() {
                self.line.clear();
                self.overwrite = false;
            }
            self.line.push_str(content);
            if ending == Some(b'\n') {
                self.line.push('\n');
            }
            self.overwrite = ending == Some(b'\r') || (self.overwrite && ending.is_none());
            if ending == Some(b'\n') || self.line.len() > OVERWRITTEN_BYTES {
                let line = std::mem::take(&mut self.line);
                self.store(&line);
            }
        }
    }

    /// Returns what was kept, with a line that says how much is missing in the middle.
    pub(crate) fn text(mut self) -> String {
        let line = std::mem::take(&mut self.line);
        self.store(&line);
        self.trim_tail();
        if self.left_out_bytes == 0 {
            return self.head + &self.tail;
        }
        let break_before = if self.head.ends_with('\n') { "" } else { "\n" };
        let bytes = self.left_out_bytes;
        format!(
            "{}{break_before}[… {bytes} bytes left out; use head, tail or grep to see them …]\n{}",
            self.head, self.tail
        )
    }

    fn store(&mut self, text: &str) {
        let room = (self.cap_bytes / 2).saturating_sub(self.head.len());
        // Once something went to the tail the head is closed, however short the next piece.
        let (first, rest) = if self.tail.is_empty() { text.split_at(clip(text, room).len()) } else { ("", text) };
        self.head.push_str(first);
        self.tail.push_str(rest);
        if self.tail.len() > self.cap_bytes.saturating_mul(2) {
            self.trim_tail();
        }
    }

    fn trim_tail(&mut self) {
        let start = self.tail.len() - clip_start(&self.tail, self.cap_bytes / 2).len();
        self.tail.drain(..start);
        self.left_out_bytes += start;
    }
}

#[cfg(test)]
mod tests {
    use super::Capture;

    fn check(cap_bytes: usize, pieces: &[&str], expected: &str) {
        let mut capture = Capture::new(cap_bytes);
        for piece in pieces {
            capture.push(piece);
        }
        assert_eq!(capture.text(), expected);
    }

    #[test]
    fn the_middle_is_left_out() {
        check(100, &["short", "\n"], "short\n");
        check(8, &["aaaa", "bbbb"], "aaaabbbb");
        check(
            8,
            &["aa\n", "bbb\n", "ccc\n", "d\n"],
            "aa\nb\n[… 5 bytes left out; use head, tail or grep to see them …]\nc\nd\n",
        );
        check(8, &["ö", "öö", "öööö"], "öö\n[… 6 bytes left out; use head, tail or grep to see them …]\nöö");
    }

    #[test]
    fn a_progress_bar_leaves_its_last_state() {
        check(100, &["1 %\r", "50 %\r", "100 %", "\r\ndone\r\n"], "100 %\ndone\n");
        check(100, &["a\r", "\nb\r"], "a\nb");
        check(100, &["ab\rc"], "c");
    }
}
