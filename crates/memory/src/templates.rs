//! The files of a new workspace, as text that is compiled in; `crates/memory/templates/` holds them for editing.

/// One file of a new workspace.
pub(crate) struct Template {
    /// Its name in the workspace.
    pub(crate) name: &'static str,
    /// Its first content.
    pub(crate) text: &'static str,
}

/// Every file of a new workspace; the order is the order in which they are written.
pub(crate) const TEMPLATES: [Template; 8] = [
    Template { name: "SOUL.md", text: include_str!("../templates/SOUL.md") },
    Template { name: "AGENTS.md", text: include_str!("../templates/AGENTS.md") },
    Template { name: "USER.md", text: include_str!("../templates/USER.md") },
    Template { name: "TOOLS.md", text: include_str!("../templates/TOOLS.md") },
    Template { name: "IDENTITY.md", text: include_str!("../templates/IDENTITY.md") },
    Template { name: "MEMORY.md", text: include_str!("../templates/MEMORY.md") },
    Template { name: "HEARTBEAT.md", text: include_str!("../templates/HEARTBEAT.md") },
    Template { name: "BOOTSTRAP.md", text: include_str!("../templates/BOOTSTRAP.md") },
];

/// Folders of a new workspace.
pub(crate) const FOLDERS: [&str; 2] = ["memory", "skills"];
