//! Starts programs under limits; the only crate that starts processes.
//!
//! It knows nothing of tools, models or shells: it is given a [`Program`], runs it in a session of its own with exactly
//! the environment it was given, hands out what it prints, and leaves nothing of it running. Read in this order:
//!
//! - `program`: what to run
//! - `running`: a started program: its output, its end, its death
//! - `pipes`: what it reads and prints
//! - `group`: whether anything a program started still lives
//! - `error`: why a program could not be started or ended
//!
//! ```
//! use hearth_sandbox::{Program, start};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let mut program = Program::new("/bin/sh", "/");
//! program.args = ["-c", "echo hello"].map(Into::into).to_vec();
//! let mut running = start(program)?;
//! let chunk = running.next_chunk().await;
//! assert_eq!(chunk.map(|chunk| chunk.bytes), Some(b"hello\n".to_vec()));
//! assert_eq!(running.wait().await?.code, Some(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod group;
mod pipes;
mod program;
mod running;

pub use error::Error;
pub use pipes::{Chunk, Stream};
pub use program::{Output, Program, Stdin};
pub use running::{Exit, Running, start};
