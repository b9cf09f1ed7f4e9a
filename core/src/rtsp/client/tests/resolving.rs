//! Which URLs are used.

use crate::rtsp::Headers;
use crate::rtsp::client::resolve::{aggregate, base, same, track};

#[test]
fn the_base_is_content_base_else_content_location_else_the_request() {
    let mut headers = Headers::new();
    assert_eq!(base(&headers, "rtsp://h/x"), "rtsp://h/x");
    headers.push("Content-Location", "rtsp://h/location/");
    assert_eq!(base(&headers, "rtsp://h/x"), "rtsp://h/location/");
    headers.push("Content-Base", " rtsp://u:p@h/base/ ");
    assert_eq!(base(&headers, "rtsp://h/x"), "rtsp://h/base/");
    headers.set("Content-Base", "/relative");
    assert_eq!(base(&headers, "rtsp://h/x"), "rtsp://h/location/");
}

#[test]
fn the_aggregate_url_is_the_sessions_control() {
    let of = |control| aggregate("rtsp://h/x/", control);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    for control in [None, Some("*"), Some("")] {
        assert_eq!(of(control), pair("rtsp://h/x/", "rtsp://h/x/"));
    }
    assert_eq!(of(Some("rtsp://h/y")), pair("rtsp://h/y", "rtsp://h/y"));
    assert_eq!(of(Some("all")), pair("rtsp://h/x/all", "rtsp://h/x/"));
}

#[test]
fn track_urls_are_appended_and_as_a_second_choice_resolved() {
    for (base, control, first, second) in [
        ("rtsp://h/x/", "track1", "rtsp://h/x/track1", None),
        ("rtsp://h/x", "track1", "rtsp://h/x/track1", Some("rtsp://h/track1")),
        ("rtsp://h", "track1", "rtsp://h/track1", None),
        ("rtsp://h/x?k=1", "track1", "rtsp://h/x?k=1/track1", Some("rtsp://h/track1")),
        ("rtsp://h/x/?k=1", "track1", "rtsp://h/x/?k=1/track1", Some("rtsp://h/x/track1")),
        ("rtsp://h/a/x/", "/root/t", "rtsp://h/root/t", Some("rtsp://h/a/x/root/t")),
        ("rtsp://h/x/", "rtsp://h/y/t", "rtsp://h/y/t", None),
        ("rtsp://h/x/", "rtsp://u:p@h/y/t", "rtsp://h/y/t", None),
        ("rtsp://h/x/", "*", "rtsp://h/x/", None),
        ("rtsp://h/x/", "", "rtsp://h/x/", None),
        ("rtsp://h/x/", "t?ctype=video", "rtsp://h/x/t?ctype=video", None),
    ] {
        let expected = (first.to_owned(), second.map(str::to_owned));
        assert_eq!(track(base, control), expected, "{base} {control}");
    }
}

#[test]
fn rtp_info_urls_match_absolute_and_relative() {
    let (base, url) = ("rtsp://h/x/", "rtsp://h/x/track1");
    for entry in ["rtsp://h/x/track1", "rtsp://h/x/track1/", "track1", "/x/track1"] {
        assert!(same(entry, url, base), "{entry}");
    }
    for entry in ["rtsp://h/x/track2", "track11", "rtsp://h/x"] {
        assert!(!same(entry, url, base), "{entry}");
    }
}
