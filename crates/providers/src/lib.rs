//! `Model` adaptors for Anthropic, OpenAI, Gemini and every OpenAI-compatible service; failover.
