use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

const FFMPEG_ANNOUNCE: &[u8] = include_bytes!("tests/ff_announce.sdp");
const FFMPEG_WITHOUT_SPROP: &[u8] = include_bytes!("tests/ff_rtp_no_sprop.sdp");
const FFMPEG_STATIC_IPV6: &[u8] = include_bytes!("tests/ff_static_ipv6.sdp");
const GSTREAMER_ANNOUNCE: &[u8] = include_bytes!("tests/gst_announce.sdp");
const GSTREAMER_H265_OPUS: &[u8] = include_bytes!("tests/gst_opus.sdp");

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn parse(text: &[u8]) -> Session {
    Session::parse(text).unwrap()
}

fn one_media(lines: &str) -> Media {
    let text = format!("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n{lines}");
    parse(text.as_bytes()).media.remove(0)
}

#[test]
fn ffmpeg_announce_has_spaces_between_its_parameters() {
    let session = parse(FFMPEG_ANNOUNCE);
    let [video, audio] = &session.media[..] else { panic!("{session:?}") };
    assert_eq!((video.kind, audio.kind), (Kind::Video, Kind::Audio));
    assert_eq!((video.format.payload_type, video.format.clock_rate), (96, 90_000));
    assert!(video.format.is("h264"));
    assert_eq!(video.format.fmtp.number("Packetization-Mode"), Some(1));
    assert_eq!(video.format.fmtp.get("profile-level-id"), Some("F4000D"));
    assert_eq!(video.control.as_deref(), Some("streamid=0"));
    assert!(audio.format.is("mpeg4-generic"));
    assert_eq!((audio.format.clock_rate, audio.format.channels), (48_000, Some(1)));
    assert_eq!(audio.format.aac_config().unwrap(), [0x11, 0x88, 0x56, 0xe5, 0x00]);
    assert_eq!(audio.bandwidths, [Bandwidth { kind: "AS".into(), value: 69 }]);
}

#[test]
fn ffmpeg_parameter_sets_decode_to_sps_and_pps() {
    let sets = parse(FFMPEG_ANNOUNCE).media[0].format.parameter_sets();
    assert_eq!(sets.iter().map(|set| set[0] & 0x1f).collect::<Vec<_>>(), [7, 8]);
}

#[test]
fn ffmpeg_may_know_no_parameter_sets_yet() {
    let session = parse(FFMPEG_WITHOUT_SPROP);
    let video = &session.media[0];
    assert!(video.format.parameter_sets().is_empty());
    assert_eq!(video.port, 45_000);
    assert_eq!(session.connection_of(video).unwrap().ip(), Some(Ipv4Addr::LOCALHOST.into()));
}

#[test]
fn static_payload_types_need_no_rtpmap_and_ipv6_is_an_address() {
    let session = parse(FFMPEG_STATIC_IPV6);
    let [video, audio] = &session.media[..] else { panic!("{session:?}") };
    assert_eq!((video.format.encoding.as_str(), video.format.clock_rate), ("JPEG", 90_000));
    assert_eq!((audio.format.encoding.as_str(), audio.format.clock_rate), ("PCMU", 8000));
    assert_eq!(session.connection_of(video).unwrap().ip(), Some(Ipv6Addr::LOCALHOST.into()));
}

#[test]
fn gstreamer_numbers_its_controls_in_another_order_than_the_media() {
    let session = parse(GSTREAMER_ANNOUNCE);
    assert_eq!(session.track_of_url("rtsp://h/live/stream=0"), Some(1));
    assert_eq!(session.track_of_url("rtsp://h/live/stream=1"), Some(0));
    assert!(session.media[0].format.is("MP4A-LATM"));
    assert_eq!(session.media[1].attribute("FrameRate").unwrap().value.as_deref(), Some("30"));
}

#[test]
fn gstreamer_h265_parameter_sets_are_found() {
    let session = parse(GSTREAMER_H265_OPUS);
    let sets = session.media[1].format.parameter_sets();
    assert_eq!(sets.iter().map(|set| (set[0] >> 1) & 0x3f).collect::<Vec<_>>(), [32, 33, 34]);
    assert_eq!(session.media[0].format.channels, Some(2));
}

#[test]
fn answer_to_players_is_relative_live_and_free_of_the_transport() {
    let text = parse(GSTREAMER_ANNOUNCE).for_players(SERVER).to_string();
    for line in [
        "o=- 3148681609 1 IN IP4 192.0.2.1\r\n",
        "c=IN IP4 0.0.0.0\r\n",
        "t=0 0\r\n",
        "a=range:npt=now-\r\n",
        "a=control:*\r\n",
        "m=audio 0 RTP/AVP 96\r\n",
        "a=rtpmap:96 MP4A-LATM/44100\r\n",
        "a=fmtp:96 cpresent=0;config=40002410adca00\r\n",
        "a=control:trackID=0\r\n",
        "m=video 0 RTP/AVP 99\r\n",
        "a=framerate:30\r\n",
        "a=ts-refclk:local\r\n",
        "a=control:trackID=1\r\n",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
    assert!(!text.contains("a=ssrc"), "{text}");
    assert!(!text.contains("stream="), "{text}");
    // `rtpmap` stands before `fmtp`, which FFmpeg needs.
    assert!(text.find("a=rtpmap:99") < text.find("a=fmtp:99"));
}

#[test]
fn answer_to_players_over_ipv6_names_an_ipv6_address() {
    let text = parse(FFMPEG_ANNOUNCE).for_players(Ipv6Addr::LOCALHOST.into()).to_string();
    assert!(text.contains("c=IN IP6 ::\r\n") && text.contains("IN IP6 ::1\r\n"), "{text}");
}

#[test]
fn browser_dialect_leaves_no_transport_behind() {
    let media = "m=video 9 RTP/AVPF 96 97\r\nc=IN IP4 203.0.113.7\r\nb=RS:0\r\nb=TIAS:5000\r\n\
        a=rtcp:9 IN IP4 0.0.0.0\r\na=candidate:1 1 udp 1 203.0.113.7 9 typ host\r\n\
        a=ice-ufrag:x\r\na=setup:active\r\na=mid:0\r\na=extmap:1 urn:x\r\na=rtcp-mux\r\n\
        a=rtcp-fb:96 nack pli\r\na=ssrc-group:FID 1 2\r\na=ssrc:1 cname:x\r\na=sendonly\r\n\
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n\
        a=rtpmap:96 H264/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
    let mut session = Session::new("x");
    session.media.push(one_media(media));
    let text = session.for_players(SERVER).to_string();
    let (_, video) = text.split_once("m=").unwrap();
    assert_eq!(
        video,
        "video 0 RTP/AVP 96\r\nb=TIAS:5000\r\na=rtpmap:96 H264/90000\r\na=extmap:1 urn:x\r\n\
         a=control:trackID=0\r\n"
    );
}

#[test]
fn announce_and_plain_rtp_have_addresses_and_controls_of_their_kind() {
    let session = parse(FFMPEG_ANNOUNCE);
    let announce = session.for_announce(SERVER);
    assert_eq!(announce.media[1].control.as_deref(), Some("streamid=1"));
    assert_eq!(announce.range, None);
    let target = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
    let text = session.for_rtp(SERVER, target, &[5000, 5002]).to_string();
    assert!(text.contains("c=IN IP4 203.0.113.9\r\n"), "{text}");
    assert!(text.contains("m=video 5000 ") && text.contains("m=audio 5002 "), "{text}");
    assert!(!text.contains("a=control"), "{text}");
}

#[test]
fn parameter_sets_learnt_in_band_replace_those_announced() {
    let mut format = parse(FFMPEG_WITHOUT_SPROP).media.remove(0).format;
    let sets: [&[u8]; 3] = [&[0x68, 1, 2], &[0x67, 0x42, 0xc0, 0x1e, 9], &[0x65, 1]];
    assert!(format.set_parameter_sets(&sets));
    assert!(!format.set_parameter_sets(&sets));
    assert_eq!(
        format.fmtp.as_str(),
        "packetization-mode=1;sprop-parameter-sets=Z0LAHgk=,aAEC;profile-level-id=42C01E"
    );
    assert_eq!(format.parameter_sets(), [sets[1], sets[0]]);
}

#[test]
fn constructed_tracks_are_read_back() {
    let mut session = Session::new("test");
    session.media.push(Media::h264(96, &[&[0x67, 0x42, 0xc0, 0x1e][..], &[0x68, 0xce]]));
    session.media.push(Media::aac(97, &[0x11, 0x90], 48_000, 2));
    let read = parse(session.to_string().as_bytes());
    assert_eq!(read.media, session.media);
    assert_eq!(read.media[1].format.aac_config().unwrap(), [0x11, 0x90]);
}

#[test]
fn bare_lf_bom_prologue_and_trailing_nul_are_forgiven() {
    let text = "\u{feff}SDP:\nv=0\ns=x\nc=IN IP4 127.0.0.1 \nm=video  5004  RTP/AVP  96\n  a=RTPMAP:96 h264/90000\0";
    let session = parse(text.as_bytes());
    assert!(session.media[0].format.is("H264"));
    assert_eq!(session.media[0].port, 5004);
    assert_eq!(session.connection.unwrap().ip(), Some(Ipv4Addr::LOCALHOST.into()));
}

#[test]
fn broken_lines_that_do_not_matter_are_passed_over() {
    let text = b"v=0\r\no=- 1 IN IP4\r\ns=caf\xe9\r\ns=again\r\nt=now\r\nb=AS:lots\r\nnonsense\r\n\
        r=x\r\nm=audio 0 RTP/AVP 8\r\ns=in media\r\nb=AS: 64\r\na=\r\n";
    let session = parse(text);
    assert_eq!(session.name, "caf\u{fffd}");
    assert_eq!(session.media[0].bandwidths[0].value, 64);
    assert_eq!(session.media[0].format.encoding, "PCMA");
}

#[test]
fn fmtp_before_rtpmap_and_in_two_lines_is_put_together() {
    let media = one_media(
        "m=video 0 RTP/AVP 96\r\na=fmtp:96 packetization-mode=1\r\n\
         a=fmtp:96 sprop-parameter-sets=Z0LAHgk=,aAEC\r\na=rtpmap:96 H264/90000\r\n",
    );
    assert_eq!(media.format.fmtp.number("packetization-mode"), Some(1));
    assert_eq!(media.format.parameter_sets().len(), 2);
}

#[test]
fn dynamic_type_without_rtpmap_gets_the_clock_of_its_kind() {
    assert_eq!(one_media("m=video 0 RTP/AVP 96\r\n").format.clock_rate, 90_000);
    assert_eq!(one_media("m=audio 0 RTP/AVP 97\r\n").format.clock_rate, 8000);
    let odd = one_media("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/0\r\n");
    assert_eq!(odd.format.clock_rate, 90_000);
}

#[test]
fn profiles_are_known_in_any_case() {
    for (name, protocol) in [
        ("RTP/AVP", Protocol::Avp),
        ("rtp/avp", Protocol::Avp),
        ("RTP/AVP/UDP", Protocol::Avp),
        ("RTP/AVPF", Protocol::Avpf),
        ("RTP/SAVP", Protocol::Savp),
        ("RTP/SAVPF", Protocol::Savpf),
        ("UDP/TLS/RTP/SAVPF", Protocol::Other("UDP/TLS/RTP/SAVPF".into())),
    ] {
        assert_eq!(one_media(&format!("m=video 0 {name} 96\r\n")).protocol, protocol);
    }
    assert!(one_media("m=video 0 UDP/TLS/RTP/SAVPF 96\r\n").protocol.is_secure());
}

#[test]
fn media_that_are_not_rtp_are_named_and_left_out() {
    let session = parse(
        b"v=0\r\ns=x\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nm=video 0 RTP/AVP 96\r\n",
    );
    assert_eq!(session.media.len(), 1);
    assert_eq!(session.ignored, ["application 9 UDP/DTLS/SCTP webrtc-datachannel"]);
}

#[test]
fn multicast_address_keeps_its_time_to_live() {
    let media = one_media("m=video 5004 RTP/AVP 96\r\nc=IN IP4 224.2.1.1/127/3\r\n");
    let connection = media.connection.clone().unwrap();
    assert!(connection.is_multicast());
    assert_eq!(connection.ttl, Some(127));
    let mut session = Session::new("x");
    session.media.push(media);
    assert!(session.to_string().contains("c=IN IP4 224.2.1.1/127\r\n"));
}

#[test]
fn errors_say_what_is_wrong() {
    let error = |text: &[u8]| Session::parse(text).unwrap_err();
    assert_eq!(error(b"<html>"), Error::NoVersion);
    assert_eq!(error(b"v=0\r\ns=x\r\n"), Error::NoMedia);
    assert_eq!(error(&[b'x'; MAX_SIZE + 1]), Error::TooLong { length: MAX_SIZE + 1 });
    let long = format!("v=0\r\na={}\r\n", "x".repeat(MAX_LINE));
    assert_eq!(error(long.as_bytes()), Error::LongLine { line: 2 });
    let media = format!("v=0\r\n{}", "m=video 0 RTP/AVP 96\r\n".repeat(MAX_MEDIA + 1));
    assert_eq!(error(media.as_bytes()), Error::TooManyMedia { line: MAX_MEDIA + 2 });
    let attributes =
        format!("v=0\r\nm=video 0 RTP/AVP 96\r\n{}", "a=x\r\n".repeat(MAX_ATTRIBUTES + 1));
    assert_eq!(error(attributes.as_bytes()), Error::TooManyAttributes { line: MAX_ATTRIBUTES + 3 });
    let port = error(b"v=0\r\n\r\nm=video here RTP/AVP 96\r\n").to_string();
    assert!(port.contains("line 3") && port.contains("port"), "{port}");
    assert_eq!(
        error(b"v=0\r\nm=video 0 RTP/AVP H264\r\n"),
        Error::PayloadType { formats: "H264".into() }
    );
    let formats = format!("v=0\r\nm=video 0 RTP/AVP{}\r\n", " 96".repeat(MAX_FORMATS + 1));
    assert_eq!(error(formats.as_bytes()), Error::TooManyFormats { count: MAX_FORMATS + 1 });
}

#[test]
fn rtcp_goes_to_the_port_that_is_said_or_the_next_one() {
    let port = |lines: &str| one_media(&format!("m=video {lines}\r\n")).rtcp_port();
    assert_eq!(port("5004 RTP/AVP 96"), Some(5005));
    assert_eq!(port("5004 RTP/AVP 96\r\na=rtcp:6000 IN IP4 127.0.0.1"), Some(6000));
    assert_eq!(port("5004 RTP/AVP 96\r\na=rtcp-mux"), Some(5004));
    assert_eq!(port("65535 RTP/AVP 96"), None);
    assert_eq!(port("0 RTP/AVP 96"), None);
}

fn controlled(session: Option<&str>, media: &str) -> Session {
    let mut described = Session::new("x");
    described.control = session.map(str::to_owned);
    let mut track = Media::h264::<&[u8]>(96, &[]);
    track.control = Some(media.to_owned());
    described.media.push(track);
    described
}

#[test]
fn track_urls_are_made_as_clients_make_them() {
    for (session, base, control, url) in [
        (None, "rtsp://h/x/", "track1", "rtsp://h/x/track1"),
        (None, "rtsp://h/x", "track1", "rtsp://h/x/track1"),
        (Some("*"), "rtsp://h/x/", "trackID=1", "rtsp://h/x/trackID=1"),
        (None, "rtsp://h/x?a=b", "streamid=0", "rtsp://h/x?a=b/streamid=0"),
        (None, "rtsp://h/x/", "rtsp://other/t", "rtsp://other/t"),
        (None, "rtsp://h:8554/x/", "/abs/t", "rtsp://h:8554/abs/t"),
        (None, "rtsp://h/x", "?trackID=1", "rtsp://h/x?trackID=1"),
        (Some("rtsp://h/session/"), "rtsp://h/x/", "t", "rtsp://h/session/t"),
        (None, "rtsp://h/x/", "*", "rtsp://h/x/"),
    ] {
        assert_eq!(controlled(session, control).track_url(base, 0).as_deref(), Some(url));
    }
    assert_eq!(controlled(None, "t").track_url("rtsp://h/x", 1), None);
    assert_eq!(controlled(Some("rtsp://h/s"), "t").aggregate_url("rtsp://h/x/"), "rtsp://h/s");
    assert_eq!(controlled(None, "t").aggregate_url("rtsp://h/x/"), "rtsp://h/x/");
}

#[test]
fn tracks_are_found_by_the_end_of_the_url() {
    let found = |control, url| controlled(None, control).track_of_url(url).is_some();
    assert!(found("streamid=0", "rtsp://h/live/cam/streamid=0"));
    assert!(found("streamid=0", "rtsp://h/live?x=1/streamid=0/"));
    assert!(found("streamid=0", "streamid=0"));
    assert!(found("rtsp://h/live/a", "rtsp://h/live/a"));
    assert!(found("rtsp://camera:8554/live/a", "rtsp://192.0.2.1:8554/live/a/"));
    assert!(!found("rtsp://h/live/a", "rtsp://h/other/live/a"));
    assert!(!found("streamid=1", "rtsp://h/live/streamid=11"));
    assert!(!found("treamid=1", "rtsp://h/live/streamid=1"));
    assert!(!found("*", "rtsp://h/live/*"));
}

#[test]
fn fmtp_of_its_own_grammar_passes_through() {
    let media = one_media(
        "m=audio 0 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15,  66\r\n",
    );
    assert_eq!(media.format.fmtp.as_str(), "0-15,  66");
}

#[test]
fn fmtp_set_and_remove_keep_the_others() {
    let mut fmtp = Fmtp::new(" a=1; B = x==;flag ; a=3");
    assert_eq!(fmtp.get("b"), Some("x=="));
    fmtp.set("A", "2");
    assert_eq!(fmtp.as_str(), "a=2;B=x==;flag");
    fmtp.set("c", "4");
    fmtp.remove("FLAG");
    assert_eq!(fmtp.as_str(), "a=2;B=x==;c=4");
}

#[test]
fn a_connection_line_without_an_address_tells_nothing() {
    let session = Session::parse(b"v=0\r\nc=IN IP6 /300\r\nm=video 0 RTP/AVP 0\r\n").unwrap();
    assert_eq!(session.connection, None);
}

proptest! {
    #[test]
    fn any_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Session::parse(&bytes);
    }

    #[test]
    fn damaged_real_descriptions_do_not_panic(
        which in 0usize..5,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let texts = [
            FFMPEG_ANNOUNCE, FFMPEG_WITHOUT_SPROP, FFMPEG_STATIC_IPV6, GSTREAMER_ANNOUNCE,
            GSTREAMER_H265_OPUS,
        ];
        let mut text = texts[which].to_vec();
        for (index, byte) in edits {
            let at = index.index(text.len());
            text[at] = byte;
        }
        if let Ok(session) = Session::parse(&text) {
            for media in &session.media {
                let _ = (media.format.parameter_sets(), media.format.aac_config());
            }
            let answer = session.for_players(SERVER).to_string();
            prop_assert!(Session::parse(answer.as_bytes()).is_ok(), "{}", answer);
        }
    }

    #[test]
    fn any_lines_do_not_panic_and_what_is_written_is_read_back(
        lines in prop::collection::vec(
            ("[vosbcamt]", prop_oneof![
                "[ -~]{0,40}",
                "(video|audio) [0-9]{1,6} RTP/AVP [0-9]{1,3}( [0-9]{1,3})?",
                "(rtpmap|fmtp|control|range|x):[0-9]{1,3} [A-Za-z0-9=;/ ]{0,20}",
                "IN IP[46] [0-9.:/]{1,20}",
            ]), 0..20),
    ) {
        let mut text = String::from("v=0\r\n");
        for (key, value) in lines {
            text.push_str(&format!("{key}={value}\r\n"));
        }
        if let Ok(session) = Session::parse(text.as_bytes()) {
            let once = session.to_string();
            let again = Session::parse(once.as_bytes()).expect(&once);
            prop_assert_eq!(again.to_string(), once);
            let _ = session.for_players(SERVER).to_string();
        }
    }
}
