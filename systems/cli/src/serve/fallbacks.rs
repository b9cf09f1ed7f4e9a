//! Streams that stand in where nobody publishes.

use rillcast::engine::{self, Engine};

use crate::config::{Options, StreamPath};
use crate::failure::Failure;

/// What the engine was told.
#[derive(Debug, Default)]
pub(super) struct Fallbacks {
    told: Vec<(String, StreamPath)>,
}

impl Fallbacks {
    /// Tells the engine what the options say, where it differs from what it was told before.
    ///
    /// # Errors
    /// When a stream would stand in for itself, or the engine has stopped. What can be told is told.
    pub(super) fn tell(&mut self, engine: &Engine, options: &Options) -> Result<(), Failure> {
        let wanted = &options.fallback;
        let mut result = Ok(());
        for (path, _) in self.told.iter().filter(|told| !wanted.contains(told)) {
            result = result.and(engine.set_fallback(path, None).map_err(|why| failed(path, &why)));
        }
        for (path, source) in wanted.iter().filter(|fallback| !self.told.contains(fallback)) {
            let told = engine.set_fallback(path, Some(&source.0));
            result = result.and(told.map_err(|why| failed(path, &why)));
        }
        self.told.clone_from(wanted);
        result
    }
}

fn failed(path: &str, error: &engine::Error) -> Failure {
    let text = format!("--fallback {path}: {error}");
    match error {
        engine::Error::Circle(_) => Failure::usage(text),
        _ => Failure::runtime(text),
    }
}
