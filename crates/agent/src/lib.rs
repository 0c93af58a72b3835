//! One turn: context, model, tool calls, transcript; knows no concrete provider or channel.
