//! Changes one setting in the file: checked first, comments kept, written so that a crash leaves old or new.

use crate::check::What;
use crate::error::Error;
use crate::file;
use crate::home::Home;
use crate::json5;
use crate::key::{Key, Step};
use crate::layers::Source;
use crate::load::fitting_value;
use crate::schema::{follow, known_setting, schema};
use crate::splice;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Sets one setting in `hearth.json5`. `value` is JSON5 (`18789`, `{ primary: "a/b" }`) or bare text; which of the two
/// is decided by what the setting accepts. Returns the value as it was understood. Side effect: the file is replaced
/// at once (mode 0600); a home that does not exist is created.
///
/// # Errors
/// [`Error::MalformedKey`], [`Error::UnknownKey`], [`Error::WrongValue`] when it makes no sense, and nothing is
/// written; [`Error::Unreadable`] when the file can't be read; [`Error::NoSuchEntry`], [`Error::NotAContainer`] when
/// the file has nothing to put it into; [`Error::Busy`], [`Error::Io`].
pub fn set(home: &Home, key: &str, value: &str) -> Result<Value, Error> {
    let schema = schema();
    let key = known_setting(&schema, &Key::parse(key)?)?;
    let expected = follow(&schema, &key).map_or(&schema, |(expected, _)| expected);
    let node = fitting_value(value, &key, expected, &Source::Flag("value")).map_err(|finding| match finding.what {
        What::Wrong(problem) => Error::WrongValue { key: finding.key.to_string(), problem },
        What::Missing(name) => Error::WrongValue { key: finding.key.to_string(), problem: format!("lacks `{name}`") },
        What::Unknown { nearest, .. } => Error::UnknownKey { key: finding.key.to_string(), nearest },
    })?;
    let value = node.to_json();
    home.create()?;
    change(home, |text| set_in(text, &key, &value).map(Some))?;
    Ok(value)
}

/// Removes one setting from `hearth.json5`, so that its default counts again; unknown ones can be removed too. Returns
/// false when the file does not set it.
///
/// # Errors
/// [`Error::MalformedKey`], [`Error::Unreadable`], [`Error::Busy`], [`Error::Io`].
pub fn unset(home: &Home, key: &str) -> Result<bool, Error> {
    let key = Key::parse(key)?;
    if !home.config_file().exists() {
        return Ok(false);
    }
    home.create()?;
    change(home, |text| Ok(splice::unset(text, &key)))
}

fn set_in(text: &str, key: &Key, value: &Value) -> Result<String, Error> {
    let rendered = json5::render(value);
    match (splice::set(text, key, &rendered), key.steps().split_last()) {
        // `model: "a/b"` is the short form of `model: { primary: "a/b" }`.
        (Err(Error::NotAContainer { .. }), Some((Step::Name(last), model)))
            if last == "primary" && value.is_string() =>
        {
            splice::set(text, &Key::from(model.to_vec()), &rendered)
        }
        (result, _) => result,
    }
}

/// Reads the file, lets `edit` change the text (`None`: nothing to do), checks that the result can be read, writes it.
fn change(home: &Home, edit: impl FnOnce(&str) -> Result<Option<String>, Error>) -> Result<bool, Error> {
    let path: Arc<Path> = home.config_file().into();
    file::with_lock(&home.lock_file(), &path, || {
        let text = file::read(&path)?.unwrap_or_default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        json5::parse(text, &path).map_err(Error::Unreadable)?;
        let Some(edited) = edit(text)? else { return Ok(false) };
        json5::parse(&edited, &path).map_err(Error::Unreadable)?;
        file::write(&path, &edited)?;
        Ok(true)
    })
}
