//! Patterns of paths.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A path in which `*` stands for any characters, slashes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// Whether the path is meant.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = path.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        // The earliest place for each piece leaves the most for those behind it.
        for piece in pieces {
            let Some(at) = rest.find(piece) else { return false };
            rest = rest.get(at + piece.len()..).unwrap_or_default();
        }
        rest.ends_with(last)
    }

    /// Of two patterns for a path the one with the higher weight counts: the one that says more.
    pub(crate) fn weight(&self) -> (bool, usize) {
        let stars = self.0.matches('*').count();
        (stars == 0, self.0.len() - stars)
    }
}

impl FromStr for Pattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Pattern, Infallible> {
        Ok(Pattern(text.trim_matches('/').to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn what_they_mean() {
        for (text, path, fits) in [
            ("*", "", true),
            ("*", "a/b", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("/a/", "a", true),
            ("live/*", "live/x/y", true),
            ("live/*", "live", false),
            ("*/cam", "x/cam", true),
            ("a*b*c", "axxbyybzzc", true),
            ("a*a", "a", false),
            ("a*bc*bc", "abc", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(pattern(text).matches(path), fits, "{text} {path}");
        }
    }

    #[test]
    fn the_one_that_says_more_counts() {
        let weight = |text| pattern(text).weight();
        assert!(weight("live/x") > weight("live/x*"));
        assert!(weight("live/x*") > weight("live/*"));
        assert!(weight("live/*") > weight("*"));
        assert!(weight("a") > weight("abcdef*"));
    }

    /// The obvious way, exponential in the number of stars.
    fn matches(pattern: &[u8], path: &[u8]) -> bool {
        match pattern.split_first() {
            None => path.is_empty(),
            Some((b'*', rest)) => (0..=path.len()).any(|n| matches(rest, &path[n..])),
            Some((c, rest)) => path.split_first().is_some_and(|(d, p)| c == d && matches(rest, p)),
        }
    }

    proptest! {
        #[test]
        fn as_the_obvious_way(text in "[ab*]{0,7}", path in "[ab]{0,7}") {
            prop_assert_eq!(
                pattern(&text).matches(&path),
                matches(text.as_bytes(), path.as_bytes())
            );
        }
    }
}
