//! Taking connections in: the paper's `SProxyServiceManager` (section 3.3.3).

use std::sync::Arc;

use super::responses::ResponseManager;
use crate::proxy::interface::Listener;

/// The paper's `SProxyServiceManager`: accepts connections and hands them to the response manager, each
/// as a task of its own.
pub(crate) struct ProxyServiceManager {
    listener: Listener,
    responses: Arc<ResponseManager>,
}

impl ProxyServiceManager {
    pub(crate) fn new(listener: Listener, responses: Arc<ResponseManager>) -> ProxyServiceManager {
        ProxyServiceManager { listener, responses }
    }

    /// Works until it is dropped.
    pub(crate) async fn run(self) {
        loop {
            let Some(accepted) = self.listener.accept().await else {
                self.responses.count_refused_connection();
                continue;
            };
            let (responses, peer) = (self.responses.clone(), accepted.peer);
            tokio::spawn(accepted.with(move |stream| responses.serve(stream, peer)));
        }
    }
}
