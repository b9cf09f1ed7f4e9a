//! RTSP control URLs (RFC 2326 appendix C.1.1): where a track is to be set up.

use super::Session;

impl Session {
    /// The URL for the session as a whole (PLAY, PAUSE, TEARDOWN).
    ///
    /// `base` is the `Content-Base` of the DESCRIBE answer, or else its `Content-Location`, or
    /// else the URL asked for.
    pub fn aggregate_url(&self, base: &str) -> String {
        join(base, self.control.as_deref().unwrap_or("*"))
    }

    /// The URL to set up a track by; `base` as for [`aggregate_url`](Self::aggregate_url). `None`
    /// when there is no such track.
    pub fn track_url(&self, base: &str, track: usize) -> Option<String> {
        let media = self.media.get(track)?;
        // A session control that is absolute is the base of the tracks.
        let base = match self.control.as_deref() {
            Some(control) if is_absolute(control) => control,
            _ => base,
        };
        Some(join(base, media.control.as_deref().unwrap_or("*")))
    }

    /// The track that a SETUP URL, or its end, means: the one whose control the URL ends with.
    ///
    /// Matching the end works also where the URL announced has a query, to which clients append
    /// the control as if it were a path.
    pub fn track_of_url(&self, url: &str) -> Option<usize> {
        let url = url.trim_end_matches('/');
        self.media.iter().position(|media| {
            let control = media.control.as_deref().unwrap_or("*").trim_end_matches('/');
            if control == "*" || control.is_empty() {
                return false;
            }
            if is_absolute(control) {
                // The host may go by several names.
                return path(control) == path(url);
            }
            url.strip_suffix(control).is_some_and(|rest| {
                rest.is_empty() || rest.ends_with('/') || control.starts_with(['/', '?'])
            })
        })
    }
}

/// What follows the host of an absolute URL; of any other, all of it.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    if rest.len() == url.len() {
        return url;
    }
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
}

fn is_absolute(control: &str) -> bool {
    control.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// What FFmpeg and live555 do: append, with one slash between. Only a path from the root is
/// resolved as a URI reference.
fn join(base: &str, control: &str) -> String {
    if control.is_empty() || control == "*" {
        return base.to_owned();
    }
    if is_absolute(control) {
        return control.to_owned();
    }
    if control.starts_with('/') {
        let authority = base.find("://").map_or(0, |at| at + 3);
        let path = base.get(authority..).and_then(|rest| rest.find('/'));
        let root = path.and_then(|at| base.get(..authority + at)).unwrap_or(base);
        return format!("{root}{control}");
    }
    if control.starts_with('?') {
        return format!("{base}{control}");
    }
    format!("{}/{control}", base.strip_suffix('/').unwrap_or(base))
}
