//! Vectors of the RFCs, the ways of real clients, and garbage.

use proptest::prelude::*;

use super::*;
use crate::rtsp::{Method, Request};
use std::time::Duration;

const NOW: Duration = Duration::from_secs(1);

fn offer(request: &Request, nonce: &str) -> Offer {
    let mut nonces = Nonces::default();
    nonces.give(nonce.to_owned(), NOW);
    Offer::of(request, &nonces, NOW)
}

fn request(method: &str, uri: &str, authorization: &str) -> Request {
    let mut request = Request::new(Method::from_token(method), uri);
    request.headers.push("Authorization", authorization);
    request
}

fn is_right(request: &Request, nonce: &str, secret: &Secret, realm: &str) -> bool {
    offer(request, nonce).credentials.verify(secret, realm)
}

/// RFC 7616, section 3.9.1: the same password by both algorithms.
#[test]
fn examples_of_rfc_7616() {
    let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let realm = "http-auth@example.org";
    let with = |algorithm: &str, response: &str| {
        let value = format!(
            "Digest username=\"Mufasa\", realm=\"{realm}\", uri=\"/dir/index.html\", \
             algorithm={algorithm}, nonce=\"{nonce}\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"{response}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        request("GET", "/dir/index.html", &value)
    };
    let sha = with("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    let md5 = with("MD5", "8ca523f5e9506fed4657c9700eebdbec");
    let right = "Circle of Life";
    let secrets = |password: &str| {
        [Secret::Password(password.into()), Secret::hash("Mufasa", realm, password, true)]
    };
    for request in [&sha, &md5] {
        assert_eq!(offer(request, nonce).credentials.user(), Some("Mufasa"));
        for secret in secrets(right) {
            assert!(is_right(request, nonce, &secret, realm));
            assert!(!is_right(request, nonce, &secret, "another realm"));
        }
        for secret in secrets("Circle Of Life") {
            assert!(!is_right(request, nonce, &secret, realm));
        }
    }
    let sha_only = Secret::hash("Mufasa", realm, right, false);
    assert!(is_right(&sha, nonce, &sha_only, realm));
    assert!(!is_right(&md5, nonce, &sha_only, realm));
}

/// RFC 2617, section 3.5: no `algorithm`, but `qop`.
#[test]
fn example_of_rfc_2617() {
    let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
    let value = format!(
        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"{nonce}\", \
         uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", \
         response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
    );
    let request = request("GET", "/dir/index.html", &value);
    let secret = Secret::Password("Circle Of Life".into());
    assert!(is_right(&request, nonce, &secret, "testrealm@host.com"));
}

#[test]
fn basic() {
    let request = request("DESCRIBE", "rtsp://h/x", "basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let credentials = offer(&request, "N").credentials;
    assert_eq!(credentials.user(), Some("Aladdin"));
    assert_eq!(credentials.password(), Some("open sesame"));
    assert!(credentials.verify(&Secret::Password("open sesame".into()), "R"));
    assert!(credentials.verify(&Secret::hash("Aladdin", "R", "open sesame", false), "R"));
    assert!(!credentials.verify(&Secret::Password("open Sesame".into()), "R"));
    assert!(!credentials.verify(&Secret::hash("Jasmin", "R", "open sesame", false), "R"));
}

/// What GStreamer sends: neither `algorithm` nor `qop`.
fn gstreamer(method: &str, uri: &str, requested: &str) -> Request {
    let md5 = |text: &str| Algorithm::Md5.hash(text);
    let response = md5(&format!("{}:N:{}", md5("u:R:p"), md5(&format!("{method}:{uri}"))));
    let value = format!(
        "Digest username=\"u\", realm=\"R\", nonce=\"N\", uri=\"{uri}\", response=\"{response}\""
    );
    request(method, requested, &value)
}

#[test]
fn the_form_of_rfc_2069_is_taken() {
    let secret = Secret::Password("p".into());
    let url = "rtsp://127.0.0.1:8554/live/x";
    assert!(is_right(&gstreamer("DESCRIBE", url, url), "N", &secret, "R"));
    // Response and method belong together.
    let mut other = gstreamer("DESCRIBE", url, url);
    other.method = Method::Setup;
    assert!(!is_right(&other, "N", &secret, "R"));
}

#[test]
fn the_uri_has_to_mean_the_request() {
    let secret = Secret::Password("p".into());
    let requested = "rtsp://h:8554/live/x/trackID=0";
    for (uri, fits) in [
        (requested, true),
        ("rtsp://h/live/x/trackID=0/", true),
        ("/live/x/trackID=0", true),
        ("rtsp://h:8554/live/x", true),
        ("/live/x?q=1", true),
        ("rtsp://h:8554/live/xx", false),
        ("rtsp://h:8554/live/x/trackID=1", false),
        ("rtsp://h:8554/other", false),
        ("", false),
        ("*", false),
    ] {
        let request = gstreamer("SETUP", uri, requested);
        assert_eq!(is_right(&request, "N", &secret, "R"), fits, "{uri}");
    }
}

#[test]
fn a_nonce_is_good_where_it_was_given_and_for_a_while() {
    let request = gstreamer("DESCRIBE", "rtsp://h/x", "rtsp://h/x");
    let mut nonces = Nonces::default();
    let stale = |nonces: &Nonces, now| {
        let offer = Offer::of(&request, nonces, now);
        assert_eq!(offer.stale, offer.credentials.is_none());
        offer.stale
    };
    assert!(stale(&nonces, NOW), "it was never given");
    nonces.give("N".into(), NOW);
    assert!(!stale(&nonces, NOW + Duration::from_secs(60)));
    assert!(stale(&nonces, NOW + Duration::from_secs(3600)));
    for other in 0..4 {
        nonces.give(other.to_string(), NOW);
    }
    assert!(stale(&nonces, NOW), "no connection keeps more than a few");
}

#[test]
fn the_challenge_that_old_clients_know_comes_last() {
    let challenge = Challenge { realm: "a \"b\"".into(), digest: true, basic: true };
    let values = challenge.values("N", false);
    assert_eq!(
        values,
        [
            "Digest realm=\"a \\\"b\\\"\", nonce=\"N\", algorithm=SHA-256, qop=\"auth\"",
            "Basic realm=\"a \\\"b\\\"\"",
            "Digest realm=\"a \\\"b\\\"\", nonce=\"N\", algorithm=MD5, qop=\"auth\"",
        ]
    );
    // Where live555 looks for it.
    let values = Challenge { realm: "R".into(), digest: true, basic: false }.values("N", true);
    assert_eq!(values.len(), 2);
    for value in values {
        assert!(value.starts_with("Digest realm=\"R\", nonce=\"N\", stale=true,"), "{value}");
    }
}

#[test]
fn secrets_are_read_as_they_are_written() {
    for secret in [
        Secret::Password("a:b c".into()),
        Secret::hash("u", "R", "p", false),
        Secret::hash("u", "R", "p", true),
    ] {
        assert_eq!(secret.to_string().parse(), Ok(secret));
    }
    for (text, error) in [
        ("", SecretError::Kind),
        ("secret", SecretError::Kind),
        ("plain:", SecretError::Empty),
        ("ha1:", SecretError::Digits),
        ("ha1:00", SecretError::Digits),
        (&format!("ha1:{}g", "0".repeat(63)), SecretError::Digits),
        (&format!("ha1:{}:", "0".repeat(64)), SecretError::Digits),
    ] {
        assert_eq!(text.parse::<Secret>(), Err(error), "{text}");
    }
}

#[test]
fn what_is_secret_is_not_in_debug_text() {
    let secret = Secret::Password("hunter2".into());
    let basic = Credentials::Basic { user: "u".into(), password: "hunter2".into() };
    assert!(!format!("{secret:?} {basic:?}").contains("hunter2"));
    assert!(!format!("{:?}", offer(&gstreamer("PLAY", "/x", "/x"), "N")).contains("response"));
}

proptest! {
    /// Nothing that stands behind `Authorization:` panics, and none of it is taken for right.
    #[test]
    fn garbage_proves_nothing(pieces in prop::collection::vec(
        prop_oneof![
            prop::sample::select(vec![
                "Digest ", "Basic ", "username=", "realm=", "nonce=", "uri=", "response=", "qop=",
                "auth", "nc=", "cnonce=", "algorithm=", "MD5-sess", "SHA-256", "\"", "\\", ",", "=",
                "R", "N", "u", "rtsp://h/x", "/x", "d41d8cd98f00b204e9800998ecf8427e", " ",
            ]).prop_map(str::to_owned),
            ".{0,6}",
        ], 0..40)
    ) {
        let request = request("DESCRIBE", "rtsp://h/x", &pieces.concat());
        let credentials = offer(&request, "N").credentials;
        prop_assert!(!credentials.verify(&Secret::Password("p".into()), "R"));
        prop_assert!(!credentials.verify(&Secret::hash("u", "R", "p", true), "R"));
    }

    /// Our own client's answers are right, whatever user, password and realm are called.
    #[test]
    fn our_client_is_let_in(
        user in "[^:\\x00-\\x1f\\x7f]{1,12}",
        password in "[^\\x00-\\x1f\\x7f]{0,12}",
        realm in "[^\\x00-\\x1f\\x7f]{0,12}",
        digest: bool,
    ) {
        let challenge = Challenge { realm: realm.clone(), digest, basic: !digest };
        let mut headers = crate::rtsp::Headers::new();
        for value in challenge.values("N", false) {
            headers.push("WWW-Authenticate", value);
        }
        let uri = "rtsp://h/x";
        let value =
            crate::rtsp::client::answer_for_test(&headers, &user, &password, &Method::Play, uri);
        let request = request("PLAY", uri, &value);
        let secret = Secret::hash(&user, &realm, &password, true);
        prop_assert!(is_right(&request, "N", &secret, &realm), "{}", value);
        let other = Secret::hash(&user, &realm, &format!("{password}x"), true);
        prop_assert!(!is_right(&request, "N", &other, &realm));
    }
}
