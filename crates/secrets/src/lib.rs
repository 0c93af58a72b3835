//! Keeps credentials, hands out handles, redacts them from everything that leaves.
