//! Finds and checks skills: folders with a `SKILL.md` that tells a model how to do one thing.
//!
//! This crate knows no model and no tool. A skill costs a prompt one line, its description; the model reads the rest with
//! `read` when it needs it. Read in this order:
//!
//! - `discover`: walks the skill folders; the first one that has a name wins
//! - `front_matter`: the YAML between the `---` lines of a `SKILL.md`
//!
//! ```
//! let home = tempfile::tempdir()?;
//! let folder = home.path().join("weather");
//! std::fs::create_dir(&folder)?;
//! std::fs::write(folder.join("SKILL.md"), "---\nname: weather\ndescription: Tells the weather.\n---\nUse curl.\n")?;
//!
//! let (skills, diagnostics) = hearth_skills::discover(&[home.path().to_owned()]);
//! assert_eq!(skills[0].description, "Tells the weather.");
//! assert!(diagnostics.is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```

mod discover;
mod front_matter;

pub use discover::{Diagnostic, Skill, discover};
