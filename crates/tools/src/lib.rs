//! The four tools, the registry, and the gate every call passes.
