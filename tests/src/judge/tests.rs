use super::*;

fn frames(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

const RULE: Rule<'static> =
    Rule { what: "video", keys: None, warm_up: 0, missing_at_end: 0, at_least: 1 };

#[test]
fn the_end_of_the_source_is_accepted() {
    let shown = compare(&frames("abcdef"), &frames("cdef"), RULE).unwrap();
    assert_eq!(shown, Shown { first: 2, count: 4, missing_at_end: 0 });
}

#[test]
fn a_gap_is_found() {
    let error = compare(&frames("abcdef"), &frames("abdef"), RULE).unwrap_err();
    assert!(error.contains("frame 2 should be frame 2 of 6 but is frame 3"), "{error}");
}

#[test]
fn a_damaged_frame_is_found() {
    let error = compare(&frames("abcdef"), &frames("abXdef"), RULE).unwrap_err();
    assert!(error.contains("not of the source"), "{error}");
}

#[test]
fn frames_twice_or_in_another_order_are_found() {
    compare(&frames("abcdef"), &frames("abbcdef"), RULE).unwrap_err();
    compare(&frames("abcdef"), &frames("abdcef"), RULE).unwrap_err();
}

#[test]
fn frames_after_the_end_are_found() {
    compare(&frames("abcdef"), &frames("defa"), RULE).unwrap_err();
}

#[test]
fn nothing_received_is_found() {
    compare(&frames("abcdef"), &[], RULE).unwrap_err();
}

#[test]
fn a_missing_end_is_counted() {
    let error = compare(&frames("abcdef"), &frames("abc"), RULE).unwrap_err();
    assert!(error.contains("3 frames are missing at the end"), "{error}");
    let rule = Rule { missing_at_end: 3, ..RULE };
    assert_eq!(compare(&frames("abcdef"), &frames("abc"), rule).unwrap().missing_at_end, 3);
}

#[test]
fn the_beginning_has_to_be_a_key_frame() {
    let keys = [true, false, false, true, false, false];
    let rule = Rule { keys: Some(&keys), ..RULE };
    compare(&frames("abcdef"), &frames("def"), rule).unwrap();
    let error = compare(&frames("abcdef"), &frames("cdef"), rule).unwrap_err();
    assert!(error.contains("no key frame"), "{error}");
}

#[test]
fn a_decoder_may_need_frames_to_come_into_step() {
    let rule = Rule { warm_up: 2, ..RULE };
    assert_eq!(compare(&frames("abcdef"), &frames("XYef"), rule).unwrap().first, 4);
    compare(&frames("abcdef"), &frames("XYZf"), rule).unwrap_err();
    let keys = [false, true, false, false, false, false];
    compare(&frames("abcdef"), &frames("Xcdef"), Rule { keys: Some(&keys), ..rule }).unwrap();
}

#[test]
fn equal_frames_do_not_mislead() {
    // The picture stands still in the middle: the first frame alone does not tell the place.
    let shown = compare(&frames("aaaabcd"), &frames("aabcd"), RULE).unwrap();
    assert_eq!(shown.first, 2);
}
