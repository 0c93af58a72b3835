//! A new site: a configuration that explains itself, and a few texts in four languages to begin from.

use crate::error::Error;
use crate::output;
use std::path::Path;

macro_rules! starter {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../starter/", $path)))),*]
    };
}

const FILES: &[(&str, &str)] = starter![
    "site.toml",
    "content/pages/en/about.md",
    "content/pages/zh-hans/about.md",
    "content/pages/zh-hant/about.md",
    "content/pages/ko/about.md",
    "content/posts/en/hello.md",
    "content/posts/zh-hans/hello.md",
    "content/posts/zh-hant/hello.md",
    "content/posts/ko/hello.md",
    "content/posts/en/writing.md",
    "content/posts/zh-hans/writing.md",
    "content/posts/zh-hant/writing.md",
    "content/posts/ko/writing.md",
];

/// Writes a new site into a folder, which is made if need be and must be empty.
///
/// # Errors
/// When the folder holds something, or can't be written.
pub fn new_site(folder: &Path) -> Result<(), Error> {
    let held = match std::fs::read_dir(folder) {
        Ok(entries) => entries.count(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(Error::read(folder)(error)),
    };
    if held > 0 {
        return Err(Error::NotEmpty { path: folder.to_path_buf() });
    }
    for (path, text) in FILES {
        output::write(&folder.join(path), text.as_bytes())?;
    }
    output::write(&folder.join(".gitignore"), b"dist/\n.cache/\n")
}
