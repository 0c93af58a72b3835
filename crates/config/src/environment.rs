//! The environment variables a process was started with: read once, here, and passed on.

use crate::layers::Variable;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// A snapshot of environment variables. Nothing else in Hearth reads them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

/// Variables a command needs to feel at home. Whatever may hold a credential is not among them.
const TOOL_VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Variables that tools need behind a proxy; left out when their address carries a password.
const PROXY_VARIABLES: &[&str] =
    &["http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"];

impl Environment {
    /// Takes the variables this process was started with.
    #[must_use]
    pub fn from_process() -> Self {
        Self { variables: std::env::vars_os().collect() }
    }

    /// Makes an environment of exactly these variables, for tests and examples.
    #[must_use]
    pub fn fixed<I, K, V>(variables: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<OsString>,
        V: Into<OsString>,
    {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// Returns a variable's text; `None` when it is not set, empty, or not Unicode.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(std::ffi::OsStr::new(name)).and_then(|value| value.to_str()).filter(|text| !text.is_empty())
    }

    /// Returns every variable, for further processes of Hearth itself.
    #[must_use]
    pub fn complete(&self) -> Vec<(OsString, OsString)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Returns the complete environment for the commands the assistant runs: paths, language, terminal, time zone and
    /// proxies without passwords. No key, token or socket of an agent is passed on, because only listed names are.
    #[must_use]
    pub fn tool_environment(&self) -> Vec<(OsString, OsString)> {
        let wanted = |name: &str, value: &str| {
            TOOL_VARIABLES.contains(&name)
                || name.starts_with("LC_")
                || (PROXY_VARIABLES.contains(&name) && !value.contains('@'))
        };
        self.variables
            .iter()
            .filter(|(name, value)| name.to_str().zip(value.to_str()).is_some_and(|(name, value)| wanted(name, value)))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Returns the set variables that begin with `HEARTH_`, look like a misspelt one of ours, and that one's name.
    pub(crate) fn misspelt(&self) -> Vec<(String, &'static str)> {
        let ours = || Variable::ALL.iter().map(|variable| variable.name);
        self.variables
            .keys()
            .filter_map(|name| name.to_str())
            .filter(|name| name.starts_with("HEARTH_") && !ours().any(|known| known == *name))
            .filter_map(|name| {
                let nearest = ours().find(|known| strsim::damerau_levenshtein(known, name) <= 2)?;
                Some((name.to_owned(), nearest))
            })
            .collect()
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be keys: only names are shown.
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn tools_get_no_credentials() {
        let environment = Environment::fixed([
            ("PATH", "/bin"),
            ("LC_ALL", "C.UTF-8"),
            ("https_proxy", "http://ada:pw@proxy:3128"),
            ("http_proxy", "http://proxy:3128"),
            ("ANTHROPIC_API_KEY", "k"),
            ("SSH_AUTH_SOCK", "/run/agent"),
            ("HEARTH_HOME", "/h"),
        ]);
        let names: Vec<_> = environment.tool_environment().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["LC_ALL", "PATH", "http_proxy"]);
    }

    #[test]
    fn values_never_appear_in_logs() {
        let shown = format!("{:?}", Environment::fixed([("OPENAI_API_KEY", "sk-1")]));
        assert_eq!(shown, r#"{"OPENAI_API_KEY"}"#);
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(Environment::fixed([("HEARTH_PORT", "")]).get("HEARTH_PORT"), None);
    }

    #[test]
    fn a_misspelt_variable_is_noticed_and_a_foreign_one_is_not() {
        let environment = Environment::fixed([("HEARTH_PROT", "1"), ("HEARTH_TARGET_DIR", "/t"), ("HEARTH_PORT", "2")]);
        assert_eq!(environment.misspelt(), [("HEARTH_PROT".to_owned(), "HEARTH_PORT")]);
    }
}
