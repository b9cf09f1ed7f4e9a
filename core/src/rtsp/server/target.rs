//! Which mount and which track does a request URI mean?
//!
//! Clients build track URLs in different ways. FFmpeg and live555 append `/` and the control value
//! to the text of the base URL, even behind a query; GStreamer resolves it as a URI reference. So
//! the track is whatever follows the mount that this connection described or announced.

use crate::rtsp::Url;
use crate::rtsp::url::{UrlError, mount_path, split_query};

/// A mount as the client first named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Decoded, without a slash at either end.
    pub(super) path: String,
    pub(super) query: Option<String>,
}

/// What a request URI means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) mount: Mount,
    /// What follows the mount; empty for the mount itself.
    pub(super) control: String,
}

/// The mount of a DESCRIBE or ANNOUNCE: the whole path.
pub(super) fn mount(uri: &str) -> Result<Mount, UrlError> {
    // Some clients write only the path.
    if uri.starts_with('/') {
        let (path, query) = split_query(uri);
        return Ok(Mount { path: mount_path(path)?, query: query.map(str::to_owned) });
    }
    let url = Url::parse(uri)?;
    Ok(Mount { path: url.path().to_owned(), query: url.query().map(str::to_owned) })
}

/// The target of a request about a session. `known`: the mount that the connection is about.
pub(super) fn target(uri: &str, known: Option<&Mount>) -> Result<Target, UrlError> {
    let Mount { path, query } = mount(uri)?;
    if let Some(known) = known {
        if path == known.path {
            return Ok(behind_query(known.path.clone(), query, known.query.as_deref()));
        }
        let below = match known.path.as_str() {
            "" => Some(path.as_str()),
            known => path.strip_prefix(known).filter(|rest| rest.starts_with('/')),
        };
        if let Some(control) = below {
            let query = query.or_else(|| known.query.clone());
            let mount = Mount { path: known.path.clone(), query };
            return Ok(Target { mount, control: control.trim_matches('/').to_owned() });
        }
    }
    let (before, last) = path.rsplit_once('/').unwrap_or(("", &path));
    if is_track(last) {
        let mount = Mount { path: before.trim_end_matches('/').to_owned(), query };
        return Ok(Target { mount, control: last.to_owned() });
    }
    Ok(behind_query(path, query, None))
}

/// `rtsp://host/x?key=1/streamid=0`: the track hangs on the query.
fn behind_query(path: String, query: Option<String>, known: Option<&str>) -> Target {
    if let Some(query) = query.as_deref() {
        let cut = match known.and_then(|known| query.strip_prefix(known)) {
            Some(rest) => rest.strip_prefix('/').map(|control| (known.unwrap_or(""), control)),
            None => query.rsplit_once('/').filter(|(_, last)| is_track(last)),
        };
        if let Some((query, control)) = cut {
            let query = query.trim_end_matches('/').to_owned();
            let control = control.trim_matches('/').to_owned();
            return Target { mount: Mount { path, query: Some(query) }, control };
        }
    }
    let query = query.or_else(|| known.map(str::to_owned));
    Target { mount: Mount { path, query }, control: String::new() }
}

/// The control values that FFmpeg, GStreamer and this server write. Used only where the mount is
/// not known, that is for a SETUP that no DESCRIBE or ANNOUNCE went before.
fn is_track(segment: &str) -> bool {
    let Some((name, number)) = segment.split_once('=') else { return false };
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "trackid" | "streamid" | "stream" | "track")
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// `Content-Base` for a described mount: the request URL with a slash behind its path. The slash
/// makes appending and URI resolution come to the same thing; a query stays where it was, and a
/// client that appends to it is understood by [`target`].
pub(super) fn content_base(uri: &str) -> String {
    let uri = match Url::parse(uri) {
        Ok(url) => url.to_string(), // without user and password
        Err(_) => uri.to_owned(),
    };
    let (path, query) = split_query(&uri);
    let path = path.trim_end_matches('/');
    match query {
        Some(query) => format!("{path}/?{query}"),
        None => format!("{path}/"),
    }
}

/// Whether a SETUP's `control` (see [`Setup::control`](super::Setup::control)) names the track whose
/// SDP section says `a=control:sdp`, which may be absolute or relative.
pub fn control_matches(sdp: &str, control: &str) -> bool {
    let (sdp, control) = (sdp.trim().trim_matches('/'), control.trim_matches('/'));
    if control.is_empty() || sdp.is_empty() {
        return false;
    }
    sdp == control || sdp.strip_suffix(control).is_some_and(|before| before.ends_with('/'))
}
