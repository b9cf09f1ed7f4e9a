//! What is at which path.

use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::snapshot::Unwell;
use super::{Observer, json, metrics};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// The text format that Prometheus has had since 2.5.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const CONTENTS: &str = "\
Rillcast's figures:
  /metrics      for Prometheus
  /api/streams  as JSON, with every child
  /healthz      200 while the server works
";

/// The pages, each a view of the figures.
#[derive(Debug)]
pub(crate) struct Site {
    observer: Observer,
}

impl Site {
    /// The pages about what `observer` sees.
    pub(crate) fn new(observer: Observer) -> Site {
        Site { observer }
    }

    /// The answer to a request.
    pub(super) fn answer(&self, method: &Method, path: &str) -> Response<String> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET only\n".into());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/" => page(StatusCode::OK, TEXT, CONTENTS.into()),
            "/metrics" => self.view(|seen| Ok((OPEN_METRICS, metrics::text(seen)?))),
            "/api/streams" => self.view(|seen| Ok((JSON, json::text(&seen)?))),
            "/healthz" => self.view(|_| Ok((TEXT, "ok\n".into()))),
            _ => page(StatusCode::NOT_FOUND, TEXT, CONTENTS.into()),
        }
    }

    fn view(&self, show: impl FnOnce(super::snapshot::Seen) -> Shown) -> Response<String> {
        match self.observer.look() {
            Ok(seen) => match show(seen) {
                Ok((kind, text)) => page(StatusCode::OK, kind, text),
                Err(error) => page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
            },
            Err(unwell @ (Unwell::Stopped | Unwell::Silent)) => {
                page(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{unwell}\n"))
            }
        }
    }
}

/// A page's content type and text.
type Shown = Result<(&'static str, String), Box<dyn std::error::Error>>;

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
