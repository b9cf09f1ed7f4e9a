use super::*;

fn headers(values: &[&str]) -> Headers {
    let mut headers = Headers::new();
    for value in values {
        headers.push("WWW-Authenticate", *value);
    }
    headers
}

fn digest(values: &[&str]) -> Challenge {
    Challenge::choose(&headers(values), true).expect("a challenge that can be answered")
}

const GET: &str = "GET";

fn answer(
    challenge: &mut Challenge,
    user: &str,
    password: &str,
    uri: &str,
    cnonce: &str,
) -> String {
    challenge.authorize(user, password, &Method::from_token(GET), uri, cnonce)
}

/// RFC 2617, section 3.5.
#[test]
fn example_of_rfc_2617() {
    let mut challenge = digest(&["Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
         nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""]);
    let value = answer(&mut challenge, "Mufasa", "Circle Of Life", "/dir/index.html", "0a4f113b");
    assert!(value.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{value}");
    assert!(value.contains("nc=00000001"), "{value}");
    assert!(value.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""), "{value}");
}

/// RFC 7616, section 3.9.1; SHA-256 is taken although MD5 comes last.
#[test]
fn example_of_rfc_7616() {
    let with = |algorithm: &str| {
        format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    };
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    let mut sha = digest(&[&with("SHA-256"), &with("MD5")]);
    let value = answer(&mut sha, "Mufasa", "Circle of Life", "/dir/index.html", cnonce);
    let expected = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    assert!(value.contains(expected), "{value}");
    assert!(value.contains("algorithm=SHA-256"), "{value}");
    let mut md5 = digest(&[&with("MD5")]);
    let value = answer(&mut md5, "Mufasa", "Circle of Life", "/dir/index.html", cnonce);
    assert!(value.contains("8ca523f5e9506fed4657c9700eebdbec"), "{value}");
}

#[test]
fn without_qop_the_answer_has_the_form_of_rfc_2069() {
    let mut challenge = digest(&["Digest realm=\"R\", nonce=\"N\""]);
    let value = challenge.authorize("u", "p", &Method::Describe, "rtsp://h/x", "c");
    assert!(!value.contains("qop") && !value.contains("cnonce") && !value.contains("algorithm"));
    let hash = |text: &str| Algorithm::Md5.hash(text);
    let expected = hash(&format!("{}:N:{}", hash("u:R:p"), hash("DESCRIBE:rtsp://h/x")));
    assert!(value.contains(&expected), "{value}");
}

#[test]
fn md5_sess_hashes_the_nonces_in() {
    let mut challenge = digest(&["Digest realm=\"R\", nonce=\"N\", algorithm=MD5-sess, qop=auth"]);
    let value = challenge.authorize("u", "p", &Method::Play, "rtsp://h/x", "c");
    let hash = |text: &str| Algorithm::Md5.hash(text);
    let secret = hash(&format!("{}:N:c", hash("u:R:p")));
    let expected = hash(&format!("{secret}:N:00000001:c:auth:{}", hash("PLAY:rtsp://h/x")));
    assert!(value.contains(&expected), "{value}");
}

#[test]
fn the_nonce_count_rises() {
    let mut challenge = digest(&["Digest realm=\"R\", nonce=\"N\", qop=\"auth\""]);
    assert!(answer(&mut challenge, "u", "p", "/", "c").contains("nc=00000001"));
    assert!(answer(&mut challenge, "u", "p", "/", "c").contains("nc=00000002"));
}

#[test]
fn basic() {
    let mut challenge = digest(&["Basic realm=\"R\""]);
    let value = answer(&mut challenge, "Aladdin", "open sesame", "/", "c");
    assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert!(Challenge::choose(&headers(&["Basic realm=\"R\""]), false).is_err());
}

#[test]
fn digest_is_preferred_to_basic_in_any_order() {
    for order in [
        &["Basic realm=\"R\"", "Digest realm=\"R\", nonce=\"N\""][..],
        &["Digest realm=\"R\", nonce=\"N\"", "Basic realm=\"R\""],
        &["Basic realm=\"R\", Digest realm=\"a, \\\"b\\\"\", nonce=\"N\""],
    ] {
        assert!(matches!(digest(order), Challenge::Digest(_)), "{order:?}");
    }
}

#[test]
fn what_cannot_be_answered_is_named() {
    let offered = headers(&["Negotiate", "Digest realm=\"R\", nonce=\"N\", algorithm=SHA-512-256"]);
    assert_eq!(Challenge::choose(&offered, true), Err("Negotiate, Digest".to_owned()));
}
