//! Streams that the engine fetches while somebody plays them.

use std::time::Duration;

use rillcast::engine::{self, Engine, Transport};

use super::settings;
use crate::config::{Options, RtspUrl};
use crate::failure::Failure;

/// What the engine was told.
#[derive(Debug, Default)]
pub(super) struct OnDemand {
    told: Vec<(String, RtspUrl)>,
    grace: Duration,
}

impl OnDemand {
    /// Tells the engine what the options say, where it differs from what it was told before.
    ///
    /// # Errors
    /// When a path is fetched all the time, too, or is given twice, or the engine has stopped.
    pub(super) fn tell(&mut self, engine: &Engine, options: &Options) -> Result<(), Failure> {
        let wanted = &options.pull_on_demand;
        let grace = settings::on_demand_grace(options);
        for (number, (path, _)) in wanted.iter().enumerate() {
            let same = |(other, _): &(String, RtspUrl)| other == path;
            if options.pull.iter().any(same) || wanted.iter().take(number).any(same) {
                return Err(Failure::usage(format!(
                    "--pull-on-demand: the path {path} is given twice"
                )));
            }
        }
        for (path, _) in self.told.iter().filter(|(path, _)| !wanted.iter().any(|(p, _)| p == path))
        {
            engine.forget_on_demand(path).map_err(|error| failed(path, &error))?;
        }
        for pull in wanted.iter().filter(|pull| self.grace != grace || !self.told.contains(pull)) {
            let (path, RtspUrl(url)) = pull;
            engine
                .pull_on_demand(path, url, Transport::Auto, grace)
                .map_err(|error| failed(path, &error))?;
        }
        (self.told, self.grace) = (wanted.clone(), grace);
        Ok(())
    }
}

fn failed(path: &str, error: &engine::Error) -> Failure {
    Failure::runtime(format!("--pull-on-demand {path}: {error}"))
}
