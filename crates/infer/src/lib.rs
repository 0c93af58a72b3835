//! Runs language models on this machine and serves them over an OpenAI-compatible interface.
