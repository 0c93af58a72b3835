//! Conversations as lists and single rows.

use super::chat::agent_for;
use super::client::Protocol;
use super::frame::Failure;
use super::methods::{Answered, Call, Reply};
use crate::gateway::Gateway;
use crate::history;
use hearth_agent::SessionSummary;
use hearth_core::session::SessionKey;
use serde_json::{Value, json};
use std::sync::Arc;

/// Sessions of a list when the client names no number.
const DEFAULT_ROWS: u64 = 100;

/// Sessions one preview may ask for.
const MAX_PREVIEWS: usize = 64;

/// Returns what is known of a session that has been used.
pub(super) fn summary(gateway: &Gateway, session: &SessionKey) -> Option<SessionSummary> {
    gateway.agent_of(session)?.sessions().into_iter().find(|summary| summary.key == *session)
}

/// Returns all sessions, the latest first.
pub(super) fn all(gateway: &Gateway) -> Vec<SessionSummary> {
    let mut all: Vec<_> = gateway.agents.iter().flat_map(|agent| agent.sessions()).collect();
    all.sort_by_key(|summary| std::cmp::Reverse(summary.updated_at_ms));
    all
}

/// Returns the model that answers where nothing else was chosen.
pub(super) fn defaults(gateway: &Gateway) -> Value {
    let model = gateway.first_agent().map(|agent| agent.model_info());
    json!({
        "modelProvider": model.as_ref().map(|model| model.provider.as_str()),
        "model": model.as_ref().map(|model| model.model.as_str()),
        "contextTokens": model.as_ref().map(|model| model.context_tokens),
    })
}

/// Returns a session as lists show it; `summary` is missing before its first turn.
pub(super) fn row(gateway: &Gateway, session: &SessionKey, summary: Option<&SessionSummary>) -> Value {
    let model = gateway.agent_of(session).map(|agent| agent.model_info());
    let active: Vec<_> = gateway.hub.active(session).iter().map(|run| run.id.clone()).collect();
    let mut row = json!({
        "key": session,
        "kind": "direct",
        "agentId": session.agent(),
        "isMain": *session == SessionKey::main(session.agent()),
        "updatedAt": summary.map(|summary| summary.updated_at_ms),
        "modelProvider": model.as_ref().map(|model| model.provider.as_str()),
        "model": model.as_ref().map(|model| model.model.as_str()),
        "contextTokens": model.as_ref().map(|model| model.context_tokens),
        "hasActiveRun": !active.is_empty(),
        "activeRunIds": active,
    });
    if let Some(summary) = summary {
        row["sessionId"] = summary.session_id.as_str().into();
        row["totalTokens"] = summary.total_tokens.into();
        row["totalTokensFresh"] = true.into();
        if !summary.title.is_empty() {
            row["derivedTitle"] = summary.title.as_str().into();
        }
    }
    row
}

pub(super) fn list(call: &mut Call<'_>) -> Answered {
    let limit = call.params.optional_number("limit", 1, 1000).unwrap_or(DEFAULT_ROWS);
    let offset = call.params.optional_number("offset", 0, u64::MAX).unwrap_or_default();
    let agent = call.params.optional_text("agentId").map(str::to_owned);
    let search = call.params.optional_text("search").map(str::to_lowercase);
    let active_minutes = call.params.optional_number("activeMinutes", 1, u64::MAX);
    call.params.finish()?;
    let now_ms = call.gateway.hub.now_ms();
    let since_ms = active_minutes.map(|minutes| now_ms.saturating_sub_unsigned(minutes.saturating_mul(60_000)));
    let wanted = |summary: &SessionSummary| {
        agent.as_deref().is_none_or(|agent| summary.key.agent() == agent)
            && since_ms.is_none_or(|since| summary.updated_at_ms >= since)
            && search.as_deref().is_none_or(|search| {
                summary.title.to_lowercase().contains(search) || summary.key.as_str().to_lowercase().contains(search)
            })
    };
    let window = Window { offset, limit };
    let found: Vec<_> = all(call.gateway).into_iter().filter(wanted).collect();
    Ok(Reply::Now(listing(call.gateway, call.client.protocol, &found, window)))
}

#[derive(Clone, Copy)]
struct Window {
    offset: u64,
    limit: u64,
}

fn listing(gateway: &Gateway, protocol: Protocol, found: &[SessionSummary], window: Window) -> Value {
    let at = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let rows: Vec<_> = found
        .iter()
        .skip(at(window.offset))
        .take(at(window.limit))
        .map(|summary| row(gateway, &summary.key, Some(summary)))
        .collect();
    let end = at(window.offset).saturating_add(rows.len());
    let has_more = end < found.len();
    let mut list = json!({
        "ts": gateway.hub.now_ms(),
        "path": "(multiple)",
        "count": rows.len(),
        "defaults": defaults(gateway),
    });
    if protocol >= Protocol::V4 {
        list["totalCount"] = found.len().into();
        list["limitApplied"] = window.limit.into();
        list["nextOffset"] = if has_more { end.into() } else { Value::Null };
        list["hasMore"] = has_more.into();
        list["owners"] = json!([]);
    }
    list["sessions"] = rows.into();
    list
}

/// Every client is told of every session: subscribing changes nothing.
pub(super) fn subscribe(call: &mut Call<'_>) -> Answered {
    let limit = call.params.optional_number("limit", 1, 1000).unwrap_or(DEFAULT_ROWS);
    call.params.finish()?;
    let list = listing(call.gateway, call.client.protocol, &all(call.gateway), Window { offset: 0, limit });
    Ok(Reply::Now(json!({"subscribed": true, "list": list})))
}

pub(super) fn subscribe_messages(call: &mut Call<'_>) -> Answered {
    let session = call.params.session("key");
    let session = call.params.finish_with(session)?;
    Ok(Reply::Now(json!({"subscribed": true, "key": session})))
}

pub(super) fn resolve(call: &mut Call<'_>) -> Answered {
    let key = call.params.optional_text("key").map(str::to_owned);
    let id = call.params.optional_text("sessionId").map(str::to_owned);
    call.params.finish()?;
    let found = match (key, id) {
        (Some(key), _) => SessionKey::parse(&key).ok().filter(|session| call.gateway.agent_of(session).is_some()),
        (None, Some(id)) => {
            all(call.gateway).into_iter().find(|summary| summary.session_id == id).map(|summary| summary.key)
        }
        (None, None) => return Err(Failure::invalid("invalid sessions.resolve params: key or sessionId required")),
    };
    let session = found.ok_or_else(|| Failure::invalid("no session found"))?;
    let mut result = json!({"ok": true, "key": session});
    if call.client.protocol >= Protocol::V4 {
        result["agentId"] = session.agent().into();
    }
    Ok(Reply::Now(result))
}

pub(super) fn describe(call: &mut Call<'_>) -> Answered {
    let session = call.params.session("key");
    let session = call.params.finish_with(session)?;
    let described = summary(call.gateway, &session).map(|summary| row(call.gateway, &session, Some(&summary)));
    Ok(Reply::Now(json!({"session": described})))
}

pub(super) fn preview(call: &mut Call<'_>) -> Answered {
    let keys = call.params.list("keys");
    let limit = call.params.optional_number("limit", 1, 100).unwrap_or(12);
    let max_chars = call.params.optional_number("maxChars", 1, 10_000).unwrap_or(240);
    call.params.finish()?;
    let sessions: Vec<_> = keys
        .iter()
        .filter_map(Value::as_str)
        .take(MAX_PREVIEWS)
        .filter_map(|key| SessionKey::parse(key).ok())
        .collect();
    let gateway = Arc::clone(call.gateway);
    let (limit, max_chars) = (usize::try_from(limit).unwrap_or(1), usize::try_from(max_chars).unwrap_or(240));
    Ok(Reply::Later(Box::pin(async move {
        let now_ms = gateway.hub.now_ms();
        let previews = tokio::task::spawn_blocking(move || {
            sessions.iter().map(|session| preview_of(&gateway, session, limit, max_chars)).collect::<Vec<_>>()
        })
        .await
        .map_err(|error| Failure::unavailable(format!("reading previews failed: {error}")))?;
        Ok(json!({"ts": now_ms, "previews": previews}))
    })))
}

fn preview_of(gateway: &Gateway, session: &SessionKey, limit: usize, max_chars: usize) -> Value {
    let entries = gateway.agent_of(session).and_then(|agent| agent.history(session).ok()).unwrap_or_default();
    let status = if entries.is_empty() { "empty" } else { "ok" };
    json!({"key": session, "status": status, "items": history::preview(&entries, limit, max_chars)})
}

pub(super) fn reset(call: &mut Call<'_>) -> Answered {
    let session = call.params.session("key");
    let session = call.params.finish_with(session)?;
    let agent = agent_for(call.gateway, &session)?;
    let gateway = Arc::clone(call.gateway);
    Ok(Reply::Later(Box::pin(async move {
        crate::commands::start_new(&gateway, &agent, &session)
            .await
            .map_err(|error| Failure::unavailable(error.to_string()))?;
        gateway.hub.session_changed(&session, "reset");
        let entry = row(&gateway, &session, summary(&gateway, &session).as_ref());
        Ok(json!({"ok": true, "key": session, "entry": entry}))
    })))
}
