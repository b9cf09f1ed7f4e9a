//! An HTTP server that is asked who may come in, as MediaMTX asks one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rillcast::engine::access::{AccessRequest, Action};
use serde::Serialize;
use ureq::Agent;
use ureq::tls::TlsConfig;

/// How long an answer may take. The client waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The address of the server that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HookUrl(String);

impl FromStr for HookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<HookUrl, String> {
        let uri: ureq::http::Uri = text.parse().map_err(|error| format!("{text}: {error}"))?;
        match uri.scheme_str() {
            Some("http" | "https") if uri.host().is_some() => Ok(HookUrl(text.to_owned())),
            _ => Err(format!("{text} is no http:// or https:// URL")),
        }
    }
}

impl fmt::Display for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opinion {
    /// 2xx.
    Yes,
    /// 403.
    No,
    /// Any other 3xx or 4xx, most of all 401: not with these credentials.
    NotSo,
    /// 5xx, or nothing that is HTTP.
    Unknown,
}

/// Asks one server.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    url: HookUrl,
    agent: Agent,
}

/// The body of the question, with the field names of MediaMTX.
#[derive(Debug, Serialize)]
struct Question<'a> {
    user: &'a str,
    password: &'a str,
    token: &'a str,
    ip: String,
    action: &'static str,
    path: &'a str,
    protocol: &'static str,
    id: String,
    query: &'a str,
    #[serde(rename = "userAgent")]
    user_agent: &'a str,
}

impl Hook {
    pub(super) fn new(url: HookUrl) -> Hook {
        let provider = crate::tls::provider();
        let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Hook { url, agent: config.new_agent() }
    }

    /// Asks. Blocks until there is an answer, or [`PATIENCE`] is over.
    pub(super) fn ask(&self, request: &AccessRequest) -> Opinion {
        let question = Question::about(request);
        let Ok(body) = serde_json::to_vec(&question) else { return Opinion::Unknown };
        let post = self.agent.post(&self.url.0).header("Content-Type", "application/json");
        match post.send(&body) {
            Ok(response) => match response.status().as_u16() {
                200..=299 => Opinion::Yes,
                403 => Opinion::No,
                300..=499 => Opinion::NotSo,
                status => {
                    tracing::warn!(url = %self.url, status, "the authentication hook has failed");
                    Opinion::Unknown
                }
            },
            Err(error) => {
                tracing::warn!(url = %self.url, %error, "the authentication hook does not answer");
                Opinion::Unknown
            }
        }
    }
}

impl Question<'_> {
    fn about(request: &AccessRequest) -> Question<'_> {
        let query = request.query.as_deref().unwrap_or_default();
        let mut tokens = query.split('&').filter_map(|part| part.strip_prefix("token="));
        Question {
            user: request.credentials.user().unwrap_or_default(),
            password: request.credentials.password().unwrap_or_default(),
            token: tokens.next_back().unwrap_or_default(),
            ip: request.peer.ip().to_string(),
            action: match request.action {
                Action::Play => "read",
                Action::Publish => "publish",
            },
            path: &request.path,
            protocol: request.protocol.name(),
            id: request.id.to_string(),
            query,
            user_agent: request.user_agent.as_deref().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_is_taken() {
        for url in ["http://127.0.0.1:9000/auth", "https://auth.example/x?y=z"] {
            assert_eq!(url.parse::<HookUrl>().unwrap().to_string(), url);
        }
        for url in ["", "auth", "rtsp://h/x", "http://", "/auth"] {
            assert!(url.parse::<HookUrl>().is_err(), "{url}");
        }
    }
}
