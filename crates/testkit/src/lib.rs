//! Scripted models, fake providers, temporary homes, fixed clocks; for tests only.
