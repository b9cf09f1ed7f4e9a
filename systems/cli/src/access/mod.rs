//! Who may play and publish at `rillcast serve`.
//!
//! | file | what is there |
//! |---|---|
//! | `pattern.rs`, `who.rs` | for which paths a rule holds, and whom it lets in |
//! | `user.rs` | what is stored of a user |
//! | `token.rs` | signed permissions in the URL |
//! | `hook.rs` | an HTTP server that is asked |
//! | `rules.rs` | all of these together: what the configuration says |
//! | `policy.rs` | the engine's questions, answered by the rules of the moment |
//! | `workers.rs` | threads for answers that take their time |

mod hook;
mod pattern;
mod policy;
mod rules;
mod token;
mod user;
mod who;
mod workers;

pub(crate) use hook::HookUrl;
pub(crate) use pattern::Pattern;
pub(crate) use policy::Policy;
pub(crate) use rules::Rules;
pub(crate) use token::Key;
pub(crate) use user::StoredSecret;
pub(crate) use who::Who;

/// The realm when none is configured. Hashes are made for one realm.
pub(crate) const REALM: &str = "rillcast";
