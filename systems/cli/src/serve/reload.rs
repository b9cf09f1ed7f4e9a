//! The configuration, read again while the server runs.

use std::sync::Arc;

use super::ServeArgs;
use super::settings;
use crate::access::Policy;
use crate::config::{Options, Watched};
use crate::failure::Failure;
use crate::signal::Hangup;
use crate::tls::Certificate;

/// What is needed to read the configuration again.
#[derive(Debug)]
pub(super) struct Reload {
    flags: Options,
    file: Option<Watched>,
    /// What is in force, as far as it can be changed.
    options: Options,
    policy: Arc<Policy>,
    certificate: Option<Arc<Certificate>>,
    /// The files of the certificate and its key. They are replaced one after the other, and are of no
    /// use in between.
    pair: Vec<Watched>,
    hangup: Hangup,
}

impl Reload {
    pub(super) fn new(
        args: ServeArgs,
        options: Options,
        policy: Arc<Policy>,
        certificate: Option<Arc<Certificate>>,
        hangup: Hangup,
    ) -> Reload {
        let ServeArgs { config, options: flags, .. } = args;
        let file = config.map(Watched::new);
        let pair =
            options.certificate.iter().chain(&options.key).cloned().map(Watched::new).collect();
        Reload { flags, file, options, policy, certificate, pair, hangup }
    }

    /// Whether there was a SIGHUP or, if `look` says to look, a file has changed.
    pub(super) fn is_due(&mut self, look: bool) -> bool {
        let mut changed = false;
        if look {
            for file in self.file.iter_mut().chain(&mut self.pair) {
                changed |= file.has_changed();
            }
        }
        self.hangup.has_come() || changed
    }

    /// Reads everything again, and puts the new rules in force when all of it can be used. Gives the
    /// options that have changed but need a restart.
    ///
    /// # Errors
    /// What cannot be used. Nothing has changed then.
    pub(super) fn read(&mut self) -> Result<Vec<&'static str>, Failure> {
        let file = self.file.as_ref().map(Watched::path);
        let options = settings::options(&self.flags, file)?;
        let rules = settings::rules(&options)?;
        if let Some(certificate) = &self.certificate {
            certificate.read_again().map_err(Failure::usage)?;
        }
        let late = settings::need_a_restart(&self.options, &options);
        self.policy.change(rules);
        self.options = settings::with_fixed(options, &self.options);
        Ok(late)
    }

    /// What is in force.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Whether publishing from other hosts is refused only because nothing was configured.
    pub(super) fn publishing_is_unconfigured(&self) -> bool {
        self.policy.is_unconfigured()
    }
}
