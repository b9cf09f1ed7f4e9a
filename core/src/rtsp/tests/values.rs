//! Header values and URLs.

use crate::rtsp::*;
use std::time::Duration;

#[test]
fn urls_come_apart() {
    let url = Url::parse("rtsp://us%40er:pa%3Ass@[::1]:8554/a/b%20c/?k=v").expect("valid");
    assert_eq!((url.user(), url.password()), (Some("us@er"), Some("pa:ss")));
    assert_eq!((url.host(), url.port()), ("::1", 8554));
    assert_eq!((url.path(), url.query()), ("a/b c", Some("k=v")));
    assert_eq!(url.to_string(), "rtsp://[::1]:8554/a/b%20c/?k=v");
    assert!(!format!("{url:?}").contains("pa:ss"));
    assert_eq!(url.to_string_with_credentials(), "rtsp://us%40er:pa%3Ass@[::1]:8554/a/b%20c/?k=v");
    assert_eq!(Url::parse(&url.to_string_with_credentials()), Ok(url));

    let plain = Url::parse("RTSP://Host").expect("valid");
    assert_eq!((plain.port(), plain.path(), plain.query()), (554, "", None));
    assert_eq!(plain.to_string(), "rtsp://Host");
    let secure = Url::parse("rtsps://h/x#fragment").expect("valid");
    assert!(secure.is_secure());
    assert_eq!((secure.port(), secure.path()), (322, "x"));
    assert_eq!(Url::parse("rtsp://h?q").map(|u| u.to_string()), Ok("rtsp://h?q".into()));
}

#[test]
fn bad_urls_say_what_is_wrong() {
    for (text, error) in [
        ("http://h/x", UrlError::Scheme),
        ("h/x", UrlError::Scheme),
        ("rtsp:///x", UrlError::Host),
        ("rtsp://[::1/x", UrlError::Host),
        ("rtsp://[nonsense]/x", UrlError::Host),
        ("rtsp://[::1]8554/x", UrlError::Host),
        ("rtsp://a b/x", UrlError::Host),
        ("rtsp://h:0/x", UrlError::Port),
        ("rtsp://h:65536/x", UrlError::Port),
        ("rtsp://h:+1/x", UrlError::Port),
        ("rtsp://h/%4", UrlError::Encoding),
        ("rtsp://h/%zz", UrlError::Encoding),
        ("rtsp://h/%ff", UrlError::Encoding),
        ("rtsp://h/a/../b", UrlError::Path),
        ("rtsp://h/a/%2e%2E/b", UrlError::Path),
        ("rtsp://h/a%2F..%2Fb", UrlError::Path),
        ("rtsp://h/.", UrlError::Path),
        ("rtsp://h/a%00b", UrlError::Path),
        ("rtsp://h/a\\b", UrlError::Path),
    ] {
        assert_eq!(Url::parse(text), Err(error), "{text}");
    }
    assert_eq!(Url::parse("rtsp://h/a..b/...").map(|u| u.path().to_owned()), Ok("a..b/...".into()));
}

#[test]
fn transports_as_clients_write_them() {
    fn one(text: &str) -> Transport {
        Transport::parse_all(text).into_iter().next().expect(text)
    }
    let t = one("rtp/avp;UNICAST;Client_Port=5000");
    assert_eq!((t.lower, t.client_port), (Lower::Udp, Some((5000, 5001))));
    let t = one("RTP/AVP/UDP;unicast;client_port=4588-4589;mode=record");
    assert_eq!((t.explicit_udp, t.mode), (true, Some(Mode::Record)));
    for mode in ["record", "RECORD", "\"record\"", "\"RECORD\"", "receive", "\"RECORD,PLAY\""] {
        let t = one(&format!("RTP/AVP;unicast;client_port=1-2; mode={mode}"));
        assert_eq!(t.mode, Some(Mode::Record), "{mode}");
    }
    for mode in ["play", "PLAY", "\"PLAY\""] {
        assert_eq!(one(&format!("RTP/AVP/TCP;mode={mode}")).mode, Some(Mode::Play));
    }
    let t = one("RTP/AVPF/TCP;unicast;interleaved=2-3;ssrc=00ABCDEF");
    assert_eq!((t.profile, t.lower), (Profile::Avpf, Lower::Tcp));
    assert_eq!((t.interleaved, t.ssrc), (Some((2, 3)), Some(0xabcdef)));
    assert!(one("RTP/AVP;multicast").multicast);
    let t = one("RTP/AVP;unicast;server_port=6970-6971;source=[fe80::1]");
    assert_eq!(t.source, "fe80::1".parse().ok());
    // Values that make no sense count as not given.
    let t = one("RTP/AVP/TCP;interleaved=255;client_port=65535;ssrc=xyz");
    assert_eq!((t.interleaved, t.client_port, t.ssrc), (None, None, None));
    assert_eq!(one("RTP/AVP/TCP;interleaved=300-301").interleaved, None);
}

#[test]
fn several_transports_in_one_header() {
    let specs = Transport::parse_all(
        "RTP/SAVPF/UDP;unicast;client_port=1-2,RAW/RAW/UDP;unicast,\
         RTP/AVP/TCP;interleaved=0-1;mode=\"PLAY,RECORD\", RTP/AVP;multicast,,nonsense",
    );
    let kinds: Vec<_> = specs.iter().map(|t| (t.lower, t.multicast)).collect();
    assert_eq!(kinds, [(Lower::Tcp, false), (Lower::Udp, true)]);
    assert_eq!(specs[0].mode, Some(Mode::Play));
}

#[test]
fn transports_are_written_as_all_clients_read_them() {
    for text in [
        "RTP/AVP;unicast;client_port=5000-5001;server_port=7000-7001;ssrc=00ABCDEF",
        "RTP/AVP/UDP;unicast;client_port=5000-5001;server_port=7000-7001;source=::1",
        "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record",
        "RTP/AVPF/TCP;unicast;interleaved=0-1",
        "RTP/AVP/UDP;multicast;destination=239.1.2.3;port=5000-5001;ttl=16",
    ] {
        assert_eq!(Transport::parse(text).map(|t| t.to_string()).as_deref(), Some(text));
    }
}

#[test]
fn ranges() {
    let at = |millis| Some(NptTime::At(Duration::from_millis(millis)));
    let npt = |start, end| Some(Range::Npt { start, end });
    assert_eq!(Range::parse("npt=0.000-"), npt(at(0), None));
    assert_eq!(Range::parse(" NPT = 0 - 10.5 ;time=19970123T143720Z"), npt(at(0), at(10_500)));
    assert_eq!(Range::parse("npt=now-"), Some(Range::NOW));
    assert_eq!(Range::parse("npt=-20"), npt(None, at(20_000)));
    assert_eq!(Range::parse("npt=1:02:03.25-"), npt(at(3_723_250), None));
    assert_eq!(
        Range::parse("clock=19961108T142300Z-19961108T143520Z"),
        Some(Range::Other("clock=19961108T142300Z-19961108T143520Z".into()))
    );
    assert!(matches!(Range::parse("smpte-25=10:07:00-"), Some(Range::Other(_))));
    for bad in [
        "",
        "npt",
        "npt=",
        "npt=-",
        "npt=5",
        "npt=a-",
        "npt=1:99:00-",
        "npt=1:2-",
        "npt=5-3",
        "npt=1.x-",
        "bytes=0-5",
        "npt=99999999999999999999-",
        "npt=1:2:3:4-",
    ] {
        assert_eq!(Range::parse(bad), None, "{bad}");
    }
    assert_eq!(Range::NOW.to_string(), "npt=now-");
    assert_eq!(Range::from_start(Duration::ZERO).to_string(), "npt=0.000-");
}

#[test]
fn rtp_info_survives_commas_in_urls() {
    let entries = parse_rtp_info(
        "url=rtsp://h/a,b/trackID=0;seq=45102;rtptime=12345678, url=\"trackID=1\";seq=70000,junk",
    );
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].url, "rtsp://h/a,b/trackID=0");
    assert_eq!((entries[0].sequence, entries[0].timestamp), (Some(45102), Some(12_345_678)));
    assert_eq!(entries[0].to_string(), "url=rtsp://h/a,b/trackID=0;seq=45102;rtptime=12345678");
    assert_eq!(entries[1].url, "trackID=1");
    assert_eq!(entries[1].timestamp, None);
    assert!(parse_rtp_info("seq=1;rtptime=2").is_empty());
}
