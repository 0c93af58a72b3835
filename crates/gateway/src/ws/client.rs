//! Who is connected: its protocol, role, scopes and capabilities.

use super::frame::Failure;

/// Our own clients' capability: HTML beside text in chat events and history.
const HTML: &str = "hearth-html";

/// Our own clients' capability: hints, kinds of failure, what was said elsewhere, what was missed. HTML
/// implies it.
const DETAILS: &str = "hearth-details";

/// The protocol that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    V3,
    V4,
}

impl Protocol {
    /// Picks the newest that both sides speak.
    pub(super) fn negotiate(least: u64, most: u64) -> Option<Self> {
        [Self::V4, Self::V3].into_iter().find(|ours| (least..=most).contains(&ours.number()))
    }

    pub(super) fn number(self) -> u64 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }
}

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Operator,
    Node,
}

/// What an operator may do; later ones include earlier ones, the last two stand beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Read,
    Write,
    Admin,
    Approvals,
    Pairing,
}

impl Scope {
    pub(super) const ALL: [Self; 5] = [Self::Admin, Self::Read, Self::Write, Self::Approvals, Self::Pairing];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "operator.read",
            Self::Write => "operator.write",
            Self::Admin => "operator.admin",
            Self::Approvals => "operator.approvals",
            Self::Pairing => "operator.pairing",
        }
    }

    /// Reads a scope's name; those of features that are not here are no scopes.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    fn includes(self, other: Self) -> bool {
        self == other || self == Self::Admin || (self == Self::Write && other == Self::Read)
    }
}

/// A client that has signed in.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) protocol: Protocol,
    pub(super) role: Role,
    pub(super) scopes: Vec<Scope>,
    pub(super) html: bool,
    pub(super) details: bool,
}

impl Client {
    pub(super) fn new(protocol: Protocol, role: Role, scopes: Vec<Scope>, capabilities: &[&str]) -> Self {
        let html = capabilities.contains(&HTML);
        Self { protocol, role, scopes, html, details: html || capabilities.contains(&DETAILS) }
    }

    /// Checks that the client may do what needs a scope.
    pub(super) fn needs(&self, scope: Scope) -> Result<(), Failure> {
        match self.role {
            Role::Node => Err(Failure::role("node")),
            Role::Operator if self.scopes.iter().any(|granted| granted.includes(scope)) => Ok(()),
            Role::Operator => Err(Failure::missing_scope(scope.name())),
        }
    }

    /// True when chat and agent events are for this client.
    pub(super) fn may_observe(&self) -> bool {
        self.needs(Scope::Read).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Protocol, Role, Scope};

    #[test]
    fn the_newest_common_protocol_is_spoken() {
        for (least, most, expected) in [
            (3, 4, Some(Protocol::V4)),
            (4, 4, Some(Protocol::V4)),
            (3, 3, Some(Protocol::V3)),
            (1, 9, Some(Protocol::V4)),
            (5, 6, None),
            (1, 2, None),
            (4, 3, None),
        ] {
            assert_eq!(Protocol::negotiate(least, most), expected, "{least}..={most}");
        }
    }

    #[test]
    fn scopes_include_what_they_say() {
        let may = |granted, wanted| Client::new(Protocol::V4, Role::Operator, vec![granted], &[]).needs(wanted).is_ok();
        assert!(may(Scope::Admin, Scope::Pairing) && may(Scope::Write, Scope::Read) && may(Scope::Read, Scope::Read));
        assert!(
            !may(Scope::Read, Scope::Write) && !may(Scope::Write, Scope::Admin) && !may(Scope::Pairing, Scope::Read)
        );
        assert!(Client::new(Protocol::V4, Role::Node, vec![Scope::Admin], &[]).needs(Scope::Read).is_err());
    }
}
