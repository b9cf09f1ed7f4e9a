//! Which URLs to use in requests (RFC 2326, appendix C.1.1).

use crate::rtsp::url::split_query;
use crate::rtsp::{Headers, Url};

/// What relative URLs of a DESCRIBE answer are relative to.
pub(super) fn base(headers: &Headers, request: &str) -> String {
    let named = |name| headers.get(name).map(str::trim).filter(|value| is_absolute(value));
    let base = named("Content-Base").or_else(|| named("Content-Location")).unwrap_or(request);
    without_credentials(base)
}

/// The URL for PLAY and TEARDOWN, and the base of the tracks' URLs. `control`: the session's.
pub(super) fn aggregate(base: &str, control: Option<&str>) -> (String, String) {
    match control.map(str::trim) {
        None | Some("" | "*") => (base.to_owned(), base.to_owned()),
        Some(control) if is_absolute(control) => {
            let url = without_credentials(control);
            (url.clone(), url)
        }
        Some(control) => (append(base, control), base.to_owned()),
    }
}

/// The URL for a track's SETUP, and a second one to try when the server does not know the first.
pub(super) fn track(base: &str, control: &str) -> (String, Option<String>) {
    let control = control.trim();
    if control.is_empty() || control == "*" {
        return (base.to_owned(), None);
    }
    if is_absolute(control) {
        return (without_credentials(control), None);
    }
    let (appended, resolved) = (append(base, control), resolve(base, control));
    // FFmpeg and live555 append, and servers are written to please them; GStreamer resolves. A
    // path from the root can hardly be meant to be appended.
    let (first, second) =
        if control.starts_with('/') { (resolved, appended) } else { (appended, resolved) };
    let second = (second != first).then_some(second);
    (first, second)
}

/// Whether the URL in an `RTP-Info` entry is that of a track.
pub(super) fn same(entry: &str, track: &str, base: &str) -> bool {
    let plain = |url: &str| url.trim_end_matches('/').to_owned();
    let entry = entry.trim();
    if is_absolute(entry) {
        return plain(entry) == plain(track);
    }
    plain(&append(base, entry)) == plain(track) || plain(&resolve(base, entry)) == plain(track)
}

fn is_absolute(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| scheme.to_ascii_lowercase().starts_with("rtsp"))
}

/// Leaves a URL as it is unless it holds a user.
fn without_credentials(url: &str) -> String {
    match Url::parse(url) {
        Ok(parsed) if parsed.user().is_some() => parsed.to_string(),
        _ => url.to_owned(),
    }
}

/// Text behind text, with a slash between.
fn append(base: &str, control: &str) -> String {
    format!("{}/{}", base.trim_end_matches('/'), control.trim_start_matches('/'))
}

/// RFC 3986, section 5.2, without the dot segments that no server writes.
fn resolve(base: &str, control: &str) -> String {
    let (path, _) = split_query(base);
    let root = path.find("://").map_or(0, |at| at + 3);
    let root = path.get(root..).and_then(|p| p.find('/')).map_or(path.len(), |at| root + at);
    let cut = match control.strip_prefix('/') {
        Some(_) => root,
        None => path.rfind('/').filter(|at| *at >= root).unwrap_or(path.len()),
    };
    format!("{}/{}", path.get(..cut).unwrap_or(path), control.trim_start_matches('/'))
}
