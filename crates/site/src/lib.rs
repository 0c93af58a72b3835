//! A folder of Markdown in, a site out: fast, readable by people and by agents, the same bytes every time.
//!
//! ```text
//! site.toml · content/posts/<locale>/*.md · content/pages/<locale>/*.md · static/ · theme/
//!    load ──► Site (config, strings, entries; every mistake with file, line and column)
//!    render   each article on its own, in parallel, kept by the hash of what it depends on
//!    pages    lists, tags, feeds, sitemap, search, what agents read: recomputed, they are cheap
//!    output   written only where bytes differ; what is no longer made is removed
//! ```
//!
//! This crate knows nothing of the assistant. It reads no environment variable and no clock: dates come from the texts.
//! Start at [`build`], then [`Site`](load) and the modules in the order above.
//!
//! ```
//! # fn main() -> Result<(), hearth_site::Error> {
//! # let folder = std::env::temp_dir().join(format!("hearth-site-doc-{}", std::process::id()));
//! hearth_site::new_site(&folder)?;
//! let report = hearth_site::build(&hearth_site::Options::new(&folder), &mut hearth_site::Cache::default())?;
//! assert!(report.pages > 20 && report.problems.is_empty());
//! # let _ignored_when_already_gone = std::fs::remove_dir_all(&folder).is_ok();
//! # Ok(())
//! # }
//! ```

mod agents;
mod assets;
mod build;
mod cache;
mod check;
mod config;
mod date;
mod entry;
mod error;
mod feeds;
mod front_matter;
mod images;
mod load;
mod output;
mod pages;
mod publish;
mod reading;
mod render;
mod scaffold;
mod serve;
mod sitemap;
mod stamp;
mod strings;
mod text;
mod theme;
mod urls;
mod views;

pub use build::{Options, Report, build};
pub use cache::Cache;
pub use check::check;
pub use error::{Error, Problem, Severity};
pub use publish::publish_workflow;
pub use scaffold::new_site;
pub use serve::{Mode, Server};
