//! The engine's questions, answered by the rules of the moment.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rillcast::engine::access::{Access, AccessRequest, Action, Credentials, Decision, Secret};
use rillcast_omnicast::ticket::{Admission, Pass, Refusal, Wanted};
use rillcast_omnicast::{NodeId, password};

use super::hook::{Hook, Opinion};
use super::rules::{Rules, is_safe};
use super::user::StoredSecret;
use super::who::Who;
use super::workers::Workers;

/// Answers the engine.
#[derive(Debug)]
pub(crate) struct Policy {
    rules: RwLock<Arc<Rules>>,
    /// The nodes that are here, whatever the rules are.
    nodes: Admission,
    workers: Workers,
}

impl Policy {
    /// A policy that begins with these rules.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn new(rules: Rules) -> io::Result<Policy> {
        let (rules, nodes) = (RwLock::new(Arc::new(rules)), Admission::default());
        Ok(Policy { rules, nodes, workers: Workers::start()? })
    }

    /// From now on these rules hold. What was let in stays.
    pub(crate) fn change(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// Whether publishing from other hosts is refused only because nothing was configured.
    pub(crate) fn is_unconfigured(&self) -> bool {
        self.rules().is_unconfigured()
    }

    fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether somebody is a node that the proxy server has sent here. `None`: he does not say so.
    fn node(&self, rules: &Rules, request: &AccessRequest) -> Option<Result<Pass, Refusal>> {
        let (server, query) = (NodeId::ROOT, request.query.as_deref());
        let (channel, address) = (request.path.as_str(), request.peer.ip());
        let wanted = Wanted { server, channel, query, address, now: date() };
        let checker = rules.tickets.as_ref().filter(|_| request.action == Action::Play)?;
        wanted.ticket()?;
        Some(self.nodes.admit(checker, wanted))
    }

    /// Somebody has to prove who he is.
    fn identify(&self, rules: &Rules, who: &Who, request: AccessRequest, decision: Decision) {
        let AccessRequest { credentials, protocol, peer, .. } = &request;
        let safe = is_safe(*protocol, *peer);
        let known = credentials.user().and_then(|user| rules.users.get(user));
        match (known, &rules.hook) {
            (Some(StoredSecret::Argon2(hash)), _) => {
                let challenge = rules.challenge(safe);
                let Credentials::Basic { user, password } = credentials else {
                    return decision.challenge(challenge);
                };
                let (hash, given) = (hash.clone(), password.clone());
                let allowed = who.includes(user);
                self.workers.give(move || match password::verify(&hash, &given) {
                    Ok(true) if allowed => decision.allow(),
                    Ok(true) => decision.deny(),
                    Ok(false) => decision.challenge(challenge),
                    Err(error) => {
                        tracing::warn!("cannot check a password: {error}");
                        decision.unavailable();
                    }
                });
            }
            (Some(StoredSecret::Digest(secret)), _) => {
                let right = credentials.verify(secret, &rules.realm);
                match credentials.user().is_some_and(|user| right && who.includes(user)) {
                    true => decision.allow(),
                    false if right => decision.deny(),
                    false => decision.challenge(rules.challenge(safe)),
                }
            }
            (None, Some(hook)) => self.ask_hook(rules, hook.clone(), request, decision),
            (None, None) => {
                // As long as for a user that there is.
                credentials.verify(&Secret::Password("nobody".into()), &rules.realm);
                decision.challenge(rules.challenge(safe));
            }
        }
    }

    fn ask_hook(&self, rules: &Rules, hook: Hook, request: AccessRequest, decision: Decision) {
        let challenge = rules.challenge(is_safe(request.protocol, request.peer));
        self.workers.give(move || match hook.ask(&request) {
            Opinion::Yes => decision.allow(),
            Opinion::No => decision.deny(),
            Opinion::NotSo => decision.challenge(challenge),
            Opinion::Unknown => decision.unavailable(),
        });
    }
}

impl Access for Policy {
    fn ask(&self, request: AccessRequest, decision: Decision) {
        let rules = self.rules();
        let who = rules.who(request.action, &request.path);
        let by_ticket = matches!(who, Who::Users | Who::Named(_) | Who::Nodes);
        match by_ticket.then(|| self.node(&rules, &request)).flatten() {
            Some(Ok(pass)) => return decision.allow_while(pass),
            Some(Err(refusal)) => {
                tracing::info!(peer = %request.peer, path = request.path, "no node: {refusal}");
                return decision.deny();
            }
            None => {}
        }
        match who {
            Who::All => decision.allow(),
            Who::None | Who::Nodes => decision.deny(),
            Who::Local if request.peer.ip().to_canonical().is_loopback() => decision.allow(),
            Who::Local => decision.deny(),
            Who::Users | Who::Named(_) if has_token(&rules, &request) => decision.allow(),
            Who::Users | Who::Named(_) => self.identify(&rules, who, request, decision),
        }
    }
}

fn has_token(rules: &Rules, request: &AccessRequest) -> bool {
    let (Some(key), Some(query)) = (&rules.key, &request.query) else { return false };
    key.permits(request.action, &request.path, query, date())
}

/// Seconds since 1970. What has an end counts at no time if the clock cannot be read.
fn date() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |now| now.as_secs())
}
