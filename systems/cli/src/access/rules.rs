//! What the configuration says about who may do what.

use std::collections::HashMap;

use rillcast::engine::access::{Action, Challenge, Protocol};
use rillcast_omnicast::ticket::Checker;

use super::hook::{Hook, HookUrl};
use super::user::StoredSecret;
use super::who::{self, Who};
use super::{Key, Pattern};

/// Who may play and publish what. Made anew when the configuration changes.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(super) realm: String,
    pub(super) users: HashMap<String, StoredSecret>,
    publish: Vec<(Pattern, Who)>,
    play: Vec<(Pattern, Who)>,
    pub(super) hook: Option<Hook>,
    pub(super) key: Option<Key>,
    /// Knows the tickets of the proxy server.
    pub(super) tickets: Option<Checker>,
}

impl Rules {
    /// Rules out of what is configured.
    ///
    /// # Errors
    /// When they name a user that there is not, or a user has a name that means something else.
    pub(crate) fn new(
        realm: String,
        users: Vec<(String, StoredSecret)>,
        publish: Vec<(Pattern, Who)>,
        play: Vec<(Pattern, Who)>,
        hook: Option<HookUrl>,
        key: Option<Key>,
        tickets: Option<Checker>,
    ) -> Result<Rules, String> {
        let hook = hook.map(Hook::new);
        let users: HashMap<_, _> = users.into_iter().collect();
        if let Some(name) = users.keys().find(|name| who::is_reserved(name) || has_marks(name)) {
            return Err(format!(
                "no user can be called {name:?}: all, local, users, nodes, none and names with a comma or \
                 a colon mean something else"
            ));
        }
        let by_ticket = |rules: &[(Pattern, Who)]| rules.iter().any(|(_, who)| *who == Who::Nodes);
        if by_ticket(&publish) {
            return Err("nodes do not publish: no rule of allow-publish can let them in".into());
        }
        if by_ticket(&play) && tickets.is_none() {
            return Err("who is a node is known by its ticket: give the key by ticket-key, which \
                        `rillcast proxy key` prints"
                .into());
        }
        for (pattern, who) in publish.iter().chain(&play) {
            let Who::Named(names) = who else { continue };
            if let Some(name) = names.iter().find(|name| !users.contains_key(*name)) {
                return Err(format!(
                    "the rule for {pattern} names {name}, but there is no such user"
                ));
            }
        }
        Ok(Rules { realm, users, publish, play, hook, key, tickets })
    }

    /// Whether anybody can prove who he is.
    fn has_identities(&self) -> bool {
        !self.users.is_empty() || self.hook.is_some() || self.key.is_some()
    }

    /// Who may do this: what the most telling rule for the path says. Without any: whoever can
    /// prove who he is; and where nobody can, everyone plays, or nodes alone if these can, but only this machine publishes.
    pub(super) fn who(&self, action: Action, path: &str) -> &Who {
        let rules = match action {
            Action::Play => &self.play,
            Action::Publish => &self.publish,
        };
        let rule = rules.iter().filter(|(pattern, _)| pattern.matches(path));
        match rule.max_by_key(|(pattern, _)| pattern.weight()) {
            Some((_, who)) => who,
            None if self.has_identities() => &Who::Users,
            None => match action {
                Action::Play if self.tickets.is_some() => &Who::Nodes,
                Action::Play => &Who::All,
                Action::Publish => &Who::Local,
            },
        }
    }

    /// Whether publishing from other hosts is refused only because nothing was configured.
    pub(super) fn is_unconfigured(&self) -> bool {
        !self.has_identities() && self.publish.is_empty()
    }

    /// What is asked of somebody who has not proven who he is. `safe`: nobody listens in.
    pub(super) fn challenge(&self, safe: bool) -> Challenge {
        let hashed = |secret: &StoredSecret| matches!(secret, StoredSecret::Argon2(_));
        // The hook wants to see the password. So does Argon2, but that one can be helped.
        let basic = self.hook.is_some() || (safe && self.users.values().any(hashed));
        let digest =
            self.hook.is_none() && (!basic || self.users.values().any(|secret| !hashed(secret)));
        Challenge { realm: self.realm.clone(), digest, basic }
    }
}

/// Whether nobody listens in on a connection: it is encrypted, or does not leave this machine.
pub(super) fn is_safe(protocol: Protocol, peer: std::net::SocketAddr) -> bool {
    match protocol {
        Protocol::Rtsps => true,
        _ => peer.ip().to_canonical().is_loopback(),
    }
}

fn has_marks(name: &str) -> bool {
    name.contains([',', ':', '"']) || name.chars().any(char::is_control)
}
