//! Small helpers beside the roles: passwords, tokens, completions, manual pages.

mod generate;
mod password;
mod token;

pub(crate) use generate::{CompletionsArgs, ManArgs, completions, man};
pub(crate) use password::{HashPasswordArgs, hash_password, read_password};
pub(crate) use token::{TokenArgs, token};
