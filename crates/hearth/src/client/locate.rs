//! Where the running gateway is and how to be let in.

use crate::error::Failure;
use crate::gateway_lock;
use hearth_config::Home;
use hearth_core::error::ErrorKind;
use hearth_http::{Client, Options};
use hearth_secrets::{Secret, Vault};
use serde::Deserialize;
use std::time::Duration;

/// The name under which the gateway's token is kept.
const TOKEN: &str = "gateway-token";
/// A gateway on this machine answers at once or not at all.
const LIMIT: Duration = Duration::from_secs(5);

/// A running gateway of this home.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// What lets us in.
    pub(crate) token: Secret,
}

/// Finds the running gateway; `None` when none runs.
pub(crate) fn find_gateway(home: &Home) -> Result<Option<Gateway>, Failure> {
    let Some(holder) = gateway_lock::holder(home).filter(|holder| holder.ready) else { return Ok(None) };
    Ok(Some(Gateway { port: holder.port, token: token(home)? }))
}

/// Returns the gateway's token, made at the first call.
pub(crate) fn token(home: &Home) -> Result<Secret, Failure> {
    let vault = Vault::new(home.credentials_dir());
    match vault.load(TOKEN) {
        Ok(token) => Ok(token),
        Err(hearth_secrets::Error::NotStored { .. } | hearth_secrets::Error::Empty { .. }) => {
            // Two random UUIDs: 244 bits from the system's generator.
            let token = Secret::new(format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()));
            vault.save(TOKEN, &token).map_err(|error| of_secrets(&error))?;
            Ok(token)
        }
        Err(error) => Err(of_secrets(&error)),
    }
}

/// Asks the gateway for an address that opens the chat page once, without showing the token.
pub(crate) async fn one_time_address(gateway: &Gateway) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        token: String,
    }
    let options = Options { connect_timeout: LIMIT, idle_timeout: LIMIT, ..Options::default() };
    let remote = |error: hearth_http::Error| {
        Failure::new(ErrorKind::Remote, format!("gateway: {error}")).hint("hearth gateway status")
    };
    let client = Client::new(options).map_err(remote)?;
    let bearer = format!("Bearer {}", gateway.token.expose());
    let address = format!("http://127.0.0.1:{}/hearth/one-time", gateway.port);
    let response = client.post_json(&address, &[("authorization", &bearer)], &serde_json::json!({})).await;
    let answer: Answer =
        response.and_then(hearth_http::Response::success).map_err(remote)?.json_capped(4096).await.map_err(remote)?;
    Ok(format!("http://127.0.0.1:{}/?token={}", gateway.port, answer.token))
}

fn of_secrets(error: &hearth_secrets::Error) -> Failure {
    Failure::new(error.kind(), error.to_string()).hint(error.hint())
}
