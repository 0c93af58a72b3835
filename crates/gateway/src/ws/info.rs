//! What the gateway says of itself: health, status, presence, agents, models, commands.

use super::chat::agent_for;
use super::methods::{Answered, Call, Reply};
use super::sessions;
use crate::commands::COMMANDS;
use crate::gateway::Gateway;
use hearth_core::model::ModelInfo;
use hearth_core::session::SessionKey;
use serde_json::{Value, json};

/// Sessions that health and status name.
const RECENT: usize = 5;

pub(super) fn health_method(call: &mut Call<'_>) -> Answered {
    Ok(Reply::Now(health(call.gateway)))
}

/// Returns the health that hello, `health` and its readers know.
pub(super) fn health(gateway: &Gateway) -> Value {
    let started = tokio::time::Instant::now();
    let agents: Vec<_> = gateway
        .agents
        .iter()
        .map(|agent| {
            let id = &agent.config().id;
            json!({
                "agentId": id,
                "isDefault": *id == gateway.default_agent,
                "heartbeat": {"enabled": false, "every": "0m", "everyMs": null, "target": "none"},
                "sessions": recent(gateway, Some(id)),
            })
        })
        .collect();
    let sessions = recent(gateway, None);
    json!({
        "ok": true,
        "ts": gateway.hub.now_ms(),
        "durationMs": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "channels": {},
        "channelOrder": [],
        "channelLabels": {},
        "heartbeatSeconds": 0,
        "defaultAgentId": gateway.default_agent,
        "agents": agents,
        "sessions": sessions,
    })
}

fn recent(gateway: &Gateway, agent: Option<&str>) -> Value {
    let now_ms = gateway.hub.now_ms();
    let all: Vec<_> =
        sessions::all(gateway).into_iter().filter(|summary| agent.is_none_or(|id| summary.key.agent() == id)).collect();
    let recent: Vec<_> = all
        .iter()
        .take(RECENT)
        .map(|summary| {
            json!({"key": summary.key, "updatedAt": summary.updated_at_ms, "age": now_ms - summary.updated_at_ms})
        })
        .collect();
    let path = agent
        .and_then(|id| gateway.agent(id))
        .or_else(|| gateway.first_agent())
        .map(|agent| agent.config().sessions_dir.join("sessions.json"));
    json!({"path": path, "count": all.len(), "recent": recent})
}

pub(super) fn status(call: &mut Call<'_>) -> Answered {
    let gateway = call.gateway;
    let mut sessions = recent(gateway, None);
    sessions["defaults"] = sessions::defaults(gateway);
    let lines: Vec<_> = gateway.callbacks.status.as_ref().map(|status| status()).unwrap_or_default();
    let lines: Vec<_> = lines.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    Ok(Reply::Now(json!({
        "runtimeVersion": gateway.version,
        "uptimeMs": gateway.uptime_ms(),
        "heartbeat": {"defaultAgentId": gateway.default_agent, "agents": []},
        "channelSummary": [],
        "queuedSystemEvents": [],
        "sessions": sessions,
        "hearth": lines,
    })))
}

pub(super) fn presence_method(call: &mut Call<'_>) -> Answered {
    Ok(Reply::Now(presence(call.gateway)))
}

/// Returns who is there: the gateway itself.
pub(super) fn presence(gateway: &Gateway) -> Value {
    json!([{
        "host": "hearth",
        "version": gateway.version,
        "platform": std::env::consts::OS,
        "mode": "gateway",
        "reason": "self",
        "text": format!("Gateway: hearth {}", gateway.version),
        "ts": gateway.hub.now_ms(),
    }])
}

pub(super) fn agents(call: &mut Call<'_>) -> Answered {
    let agents: Vec<_> = call
        .gateway
        .agents
        .iter()
        .map(|agent| {
            let model = agent.model_info();
            json!({
                "id": agent.config().id,
                "workspace": agent.config().workspace,
                "model": {"primary": format!("{}/{}", model.provider, model.model)},
            })
        })
        .collect();
    Ok(Reply::Now(json!({
        "defaultId": call.gateway.default_agent,
        "mainKey": "main",
        "scope": "per-sender",
        "agents": agents,
    })))
}

pub(super) fn identity(call: &mut Call<'_>) -> Answered {
    let id = call.params.optional_text("agentId").map(str::to_owned);
    let session = call.params.optional_text("sessionKey").and_then(|key| SessionKey::parse(key).ok());
    call.params.finish()?;
    let id =
        id.or_else(|| session.map(|session| session.agent().to_owned())).unwrap_or(call.gateway.default_agent.clone());
    let agent = agent_for(call.gateway, &SessionKey::main(&id))?;
    Ok(Reply::Now(json!({"agentId": agent.config().id})))
}

pub(super) fn models(call: &mut Call<'_>) -> Answered {
    Ok(Reply::Now(json!({"models": known_models(call.gateway).iter().map(model).collect::<Vec<_>>()})))
}

/// Returns the models a person may choose from; without a callback, those that answer now.
pub(crate) fn known_models(gateway: &Gateway) -> Vec<ModelInfo> {
    let mut models = gateway.callbacks.models.as_ref().map(|models| models()).unwrap_or_default();
    for info in gateway.agents.iter().map(|agent| agent.model_info()) {
        if !models.iter().any(|known| known.provider == info.provider && known.model == info.model) {
            models.push(info);
        }
    }
    models
}

fn model(info: &ModelInfo) -> Value {
    let input: &[&str] = if info.images { &["text", "image"] } else { &["text"] };
    json!({
        "id": info.model,
        "name": info.model,
        "provider": info.provider,
        "contextWindow": info.context_tokens,
        "input": input,
    })
}

pub(super) fn commands(call: &mut Call<'_>) -> Answered {
    let with_arguments = call.params.flag("includeArgs").unwrap_or(true);
    let commands: Vec<_> = COMMANDS
        .iter()
        .map(|command| {
            let mut entry = json!({
                "name": command.name,
                "nativeName": command.name,
                "textAliases": [format!("/{}", command.name)],
                "description": command.description,
                "category": command.category,
                "source": "native",
                "scope": "both",
                "acceptsArgs": command.argument.is_some(),
            });
            if let Some(argument) = command.argument.filter(|_| with_arguments) {
                entry["args"] = json!([{"name": argument, "description": command.description, "type": "string"}]);
            }
            entry
        })
        .collect();
    Ok(Reply::Now(json!({"commands": commands})))
}

/// There are no channels yet; their list is empty, which is an answer.
pub(super) fn channels(call: &mut Call<'_>) -> Answered {
    Ok(Reply::Now(json!({
        "ts": call.gateway.hub.now_ms(),
        "channelOrder": [],
        "channelLabels": {},
        "channels": {},
        "channelAccounts": {},
        "channelDefaultAccountId": {},
    })))
}
