//! Kinds of failure, and the exit code each one maps to.

use std::fmt;

/// What kind of failure an error is: decides the exit code, whether a retry helps and who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The person asked for something that can't be done as asked.
    User,
    /// A configuration value is missing or wrong.
    Config,
    /// A policy, a door or the person said no.
    Denied,
    /// Another machine or process failed.
    Remote,
    /// Hearth itself is wrong.
    Internal,
    /// Another program holds the port.
    PortTaken,
    /// No space is left on the disk, or too little for what was asked.
    DiskFull,
    /// Nothing outside this machine can be reached.
    NoNetwork,
    /// A model file is damaged, truncated or of an unsupported kind.
    ModelFile,
    /// A provider refused the key (401, 403).
    ProviderAuth,
    /// A provider has no credit or quota left, or limits the rate beyond what waiting helps (402, 429).
    ProviderLimit,
    /// No model could be found or fetched.
    NoModel,
    /// The person interrupted (Ctrl-C).
    Interrupted,
}

impl ErrorKind {
    /// Every kind, in the order the documentation lists them.
    pub const ALL: [Self; 13] = [
        Self::User,
        Self::Config,
        Self::Denied,
        Self::Remote,
        Self::Internal,
        Self::PortTaken,
        Self::DiskFull,
        Self::NoNetwork,
        Self::ModelFile,
        Self::ProviderAuth,
        Self::ProviderLimit,
        Self::NoModel,
        Self::Interrupted,
    ];

    /// Returns the process exit code of this kind; 0 is success and 130 the shell's convention for SIGINT.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Config => 2,
            Self::Denied => 3,
            Self::Remote => 4,
            Self::Internal => 5,
            Self::PortTaken => 10,
            Self::DiskFull => 11,
            Self::NoNetwork => 12,
            Self::ModelFile => 13,
            Self::ProviderAuth => 14,
            Self::ProviderLimit => 15,
            Self::NoModel => 16,
            Self::Interrupted => 130,
        }
    }

    /// Returns the kind of a file-system error: a full disk is told apart from the rest, and a path that can't be used as
    /// asked (missing, of the wrong sort, read-only) is the person's to change.
    #[must_use]
    pub fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            std::io::ErrorKind::AddrInUse => Self::PortTaken,
            std::io::ErrorKind::PermissionDenied
            | std::io::ErrorKind::NotFound
            | std::io::ErrorKind::NotADirectory
            | std::io::ErrorKind::IsADirectory
            | std::io::ErrorKind::InvalidFilename
            | std::io::ErrorKind::ReadOnlyFilesystem => Self::User,
            _ => Self::Internal,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Config => "config",
            Self::Denied => "denied",
            Self::Remote => "remote",
            Self::Internal => "internal",
            Self::PortTaken => "port-taken",
            Self::DiskFull => "disk-full",
            Self::NoNetwork => "no-network",
            Self::ModelFile => "model-file",
            Self::ProviderAuth => "provider-auth",
            Self::ProviderLimit => "provider-limit",
            Self::NoModel => "no-model",
            Self::Interrupted => "interrupted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorKind;
    use std::collections::BTreeSet;
    use std::io;

    #[test]
    fn every_kind_has_its_own_exit_code() {
        let codes: BTreeSet<u8> = ErrorKind::ALL.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        assert!(!codes.contains(&0));
    }

    #[test]
    fn a_path_that_can_not_be_used_is_no_fault_of_hearth() {
        for kind in [
            io::ErrorKind::NotFound,
            io::ErrorKind::NotADirectory,
            io::ErrorKind::IsADirectory,
            io::ErrorKind::ReadOnlyFilesystem,
        ] {
            assert_eq!(ErrorKind::of_io(&io::Error::from(kind)), ErrorKind::User, "{kind}");
        }
    }
}
