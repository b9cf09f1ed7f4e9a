//! Brings the text of a description into the shape that the grammar of RFC 8866 wants.
//!
//! Each line stays on its number (a line that is dropped becomes an empty one), so that a syntax
//! error names the line that the user sees.

use std::mem::replace;

use super::Error;
use super::limits::{MAX_ATTRIBUTES, MAX_LINE, MAX_MEDIA, MAX_SIZE};

/// The lines that matter to a relay, trimmed, in valid UTF-8, with those left out that are broken
/// but not needed.
pub(super) fn clean(input: &[u8]) -> Result<String, Error> {
    if input.len() > MAX_SIZE {
        return Err(Error::TooLong { length: input.len() });
    }
    let text = String::from_utf8_lossy(input);
    let mut cleaner = Cleaner::default();
    let mut out = String::with_capacity(text.len());
    for (index, line) in lines(&text).enumerate() {
        if line.len() > MAX_LINE {
            return Err(Error::LongLine { line: index + 1 });
        }
        let line = line.trim_matches(|c: char| c.is_whitespace() || c == '\0' || c == '\u{feff}');
        cleaner.line(index + 1, line, &mut out)?;
        out.push('\n');
    }
    if cleaner.seen_version { Ok(out) } else { Err(Error::NoVersion) }
}

/// Lines ended by LF, CR LF, or CR alone.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

#[derive(Default)]
struct Cleaner {
    seen_version: bool,
    seen_origin: bool,
    seen_name: bool,
    seen_connection: bool,
    media: usize,
    attributes: usize,
}

impl Cleaner {
    fn line(&mut self, number: usize, line: &str, out: &mut String) -> Result<(), Error> {
        let mut chars = line.chars();
        let (Some(key), Some('=')) = (chars.next(), chars.next()) else { return Ok(()) };
        let value = chars.as_str().trim_start();
        if !self.seen_version && key != 'v' {
            return Ok(());
        }
        let wanted = match key {
            'v' => !replace(&mut self.seen_version, true),
            'o' => is_origin(value) && !replace(&mut self.seen_origin, true),
            's' => self.media == 0 && !replace(&mut self.seen_name, true),
            'c' => {
                let in_session = self.media == 0;
                value.split_whitespace().count() == 3
                    && !(in_session && replace(&mut self.seen_connection, true))
            }
            'b' => {
                put_bandwidth(out, value);
                false
            }
            'm' => {
                self.media += 1;
                self.attributes = 0;
                if self.media > MAX_MEDIA {
                    return Err(Error::TooManyMedia { line: number });
                }
                let words: Vec<&str> = value.split_whitespace().collect();
                put(out, key, &words.join(" "));
                false
            }
            'a' => {
                self.attributes += 1;
                if self.attributes > MAX_ATTRIBUTES {
                    return Err(Error::TooManyAttributes { line: number });
                }
                !value.is_empty()
            }
            _ => false,
        };
        if wanted {
            put(out, key, value);
        }
        Ok(())
    }
}

fn put(out: &mut String, key: char, value: &str) {
    out.push(key);
    out.push('=');
    out.extend(value.chars().filter(|&c| c != '\0'));
}

/// Whether an origin has its six fields and a number as its version; RTSP does not use it, so a
/// broken one is left out.
fn is_origin(value: &str) -> bool {
    let mut words = value.split_whitespace();
    words.nth(2).is_some_and(|version| version.parse::<u64>().is_ok())
        && words.by_ref().take(3).filter(|word| word.is_ascii()).count() == 3
        && words.next().is_none()
}

fn put_bandwidth(out: &mut String, value: &str) {
    let Some((kind, number)) = value.split_once(':') else { return };
    if let Ok(number) = number.trim().parse::<u64>() {
        put(out, 'b', &format!("{}:{number}", kind.trim()));
    }
}
