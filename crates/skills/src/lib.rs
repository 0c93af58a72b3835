//! Finds and checks skills.
