//! Schemes and parameters of `WWW-Authenticate` and `Authorization` (RFC 7235).

/// A scheme with its parameters.
pub(in crate::rtsp) type Scheme = (String, Vec<(String, String)>);

/// The schemes of one header value with their parameters. A scheme is a word that no `=` follows,
/// so several challenges may stand in one value, separated by commas.
pub(in crate::rtsp) fn split(value: &str) -> Vec<Scheme> {
    let mut schemes: Vec<Scheme> = Vec::new();
    for item in split_unquoted(value).map(str::trim).filter(|item| !item.is_empty()) {
        let word = item.find([' ', '\t', '=']).unwrap_or(item.len());
        let (first, rest) = item.split_at(word);
        let is_scheme = !rest.trim_start().starts_with('=');
        let parameter = if is_scheme {
            schemes.push((first.to_owned(), Vec::new()));
            rest
        } else {
            item
        };
        if let (Some((_, parameters)), Some((name, value))) =
            (schemes.last_mut(), parameter.split_once('='))
        {
            parameters.push((name.trim().to_owned(), unquote(value.trim())));
        }
    }
    schemes
}

/// The value of a parameter; names are compared without regard to case.
pub(in crate::rtsp) fn get<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

/// Parts between commas that stand outside quotation marks.
fn split_unquoted(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |c| {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        }
        c == ',' && !quoted
    })
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut escaped = false;
    let keep = |c: &char| {
        escaped = !escaped && *c == '\\';
        !escaped
    };
    inner.chars().filter(keep).collect()
}

/// A quoted string.
pub(in crate::rtsp) fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
