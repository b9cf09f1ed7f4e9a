//! Options that hold several things, each under a key: `--pull PATH=URL` and `[pull]`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

/// Takes `KEY=VALUE` apart.
pub(crate) fn parse<V: FromStr<Err: Display>>(text: &str) -> Result<(String, V), String> {
    let (key, value) = text.split_once('=').ok_or("it is written KEY=VALUE")?;
    let value = value.parse().map_err(|error: V::Err| error.to_string())?;
    Ok((checked(key)?, value))
}

/// The same with a key in which `=` may stand, and a value in which it does not.
pub(super) fn parse_rule<K, V>(text: &str) -> Result<(K, V), String>
where
    K: FromStr<Err: Display>,
    V: FromStr<Err: Display>,
{
    let (key, value) = text.rsplit_once('=').ok_or("it is written PATTERN=WHO")?;
    let key = key.parse().map_err(|error: K::Err| error.to_string())?;
    Ok((key, value.parse().map_err(|error: V::Err| error.to_string())?))
}

fn checked(key: &str) -> Result<String, String> {
    match key.trim_matches('/') {
        "" => Err("nothing stands before `=`".into()),
        key => Ok(key.to_owned()),
    }
}

/// Writes a table.
pub(super) fn serialize<K, V, S>(pairs: &[(K, V)], serializer: S) -> Result<S::Ok, S::Error>
where
    K: Display,
    V: Display,
    S: Serializer,
{
    serializer.collect_map(pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())))
}

/// Reads a table of texts.
pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<Vec<(K, V)>, D::Error>
where
    K: FromStr<Err: Display>,
    V: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let table = BTreeMap::<String, String>::deserialize(deserializer)?;
    let pairs = table.into_iter().map(|(key, value)| {
        let wrong = |error: String| D::Error::custom(format!("{key}: {error}"));
        let value = value.parse().map_err(|error: V::Err| wrong(error.to_string()))?;
        let key = checked(&key).map_err(wrong)?;
        Ok((key.parse().map_err(|error: K::Err| wrong(error.to_string()))?, value))
    });
    pairs.collect()
}

/// The same for keys that may have several values, which the file has in one text with spaces between them.
pub(super) mod lists {
    use super::*;

    pub(in super::super) fn serialize<V: Display, S: Serializer>(
        pairs: &[(String, V)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut table = BTreeMap::<&str, String>::new();
        for (key, value) in pairs {
            let text = table.entry(key).or_default();
            let space = if text.is_empty() { "" } else { " " };
            *text += &format!("{space}{value}");
        }
        serializer.collect_map(table)
    }

    pub(in super::super) fn deserialize<'de, V, D>(
        deserializer: D,
    ) -> Result<Vec<(String, V)>, D::Error>
    where
        V: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let table = BTreeMap::<String, String>::deserialize(deserializer)?;
        let mut pairs = Vec::new();
        for (key, text) in table {
            let wrong = |error: String| D::Error::custom(format!("{key}: {error}"));
            for value in text.split_whitespace() {
                let value = value.parse().map_err(|error: V::Err| wrong(error.to_string()))?;
                pairs.push((checked(&key).map_err(wrong)?, value));
            }
        }
        Ok(pairs)
    }
}

/// Adds the keys that the file has and the command line has not.
pub(super) fn merge<K: PartialEq, V>(flags: &mut Vec<(K, V)>, file: Vec<(K, V)>) {
    let given = flags.len();
    for (key, value) in file {
        if !flags.iter().take(given).any(|(known, _)| *known == key) {
            flags.push((key, value));
        }
    }
}
