//! Publishers that come, go and come back.

use super::*;

#[test]
fn a_path_that_is_taken_is_refused_and_the_first_publisher_goes_on() {
    let engine = engine();
    let url = format!("rtsp://{}/s", serve(&engine));
    let mut source = engine.source("s", session()).expect("a source");
    assert!(engine.source("/s/", session()).is_err());
    let address = url["rtsp://".len()..url.len() - 2].parse().expect("an address");
    let sdp = session().for_announce(SocketAddr::ip(&address)).to_string();
    let refused = Client::connect(address).ask(&format!("ANNOUNCE {url}"), "", &sdp);
    assert!(refused.starts_with("RTSP/1.0 403 Forbidden: somebody publishes"), "{refused}");
    let told = wait_for(&engine, |event| matches!(event, Event::PublisherRefused { .. }));
    assert!(
        told.to_string().ends_with("may not publish at s: somebody publishes at this path already")
    );
    write(&mut source, 0);
    check(&engine);
}

#[test]
pub(super) fn a_publisher_sets_up_anew_and_a_player_gives_up_a_track() {
    let engine = engine();
    let address = serve(&engine);
    let url = format!("rtsp://{address}/s");
    let mut publisher = Client::connect(address);
    let sdp = session().for_announce(address.ip()).to_string();
    assert!(publisher.ask(&format!("ANNOUNCE {url}"), "", &sdp).contains("200 OK"));
    let mut set_up = String::new();
    for transport in ["unicast;client_port=40000-40001", "unicast;client_port=40000-40001"] {
        let transport = format!("Transport: RTP/AVP;{transport};mode=record\r\n");
        set_up = publisher.ask(&format!("SETUP {url}/streamid=0"), &transport, "");
        assert!(set_up.starts_with("RTSP/1.0 200"), "{set_up}");
    }
    for (track, channels) in [(0, "0-1"), (1, "2-3")] {
        let known = if track == 0 { String::new() } else { session_of(&set_up) };
        set_up = publisher.ask(
            &format!("SETUP {url}/streamid={track}"),
            &format!("Transport: RTP/AVP/TCP;interleaved={channels};mode=record\r\n{known}"),
            "",
        );
        assert!(set_up.starts_with("RTSP/1.0 200"), "{set_up}");
    }
    assert!(publisher.ask(&format!("RECORD {url}"), &session_of(&set_up), "").contains("200 OK"));
    let packet = |channel: u8, sequence: u8| {
        let mut data = vec![b'$', channel, 0, 16, 0x80, 0x80 | (96 + channel / 2), 0, sequence];
        data.extend([0, 0, 0, 1, 0, 0, 0, 9 + channel, 0x65, 0x88, 1, 1]);
        data
    };
    publisher.stream.write_all(&packet(0, 0)).expect("written");

    let mut player = Client::connect(address);
    let setup = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let session = session_of(&player.ask(&format!("SETUP {url}/trackID=0"), setup, ""));
    let setup = format!("Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n{session}");
    player.ask(&format!("SETUP {url}/trackID=1"), &setup, "");
    player.ask(&format!("PLAY {url}"), &session, "");
    assert_eq!(player.frame().0, 0);
    player.send(&format!("TEARDOWN {url}/trackID=0"), &session, "");
    assert!(player.receive().starts_with("RTSP/1.0 200"));
    publisher.stream.write_all(&[packet(0, 1), packet(2, 0)].concat()).expect("written");
    assert_eq!(player.frame().0, 2, "only the track that is left");
    check(&engine);
}

#[test]
pub(super) fn players_stay_when_a_publisher_goes_and_comes_back() {
    let linger = Duration::from_secs(60);
    let engine = Audited::start(Config { linger, ..Config::default() });
    let address = serve(&engine);
    let mut first = Publisher::begin(address, &session(), 1);
    first.send(200, 0x65);
    let mut player = play(address);
    assert_eq!(next_packet(&mut player), (200, 1, 0x65));
    drop(first);
    wait_for(&engine, |event| matches!(event, Event::StreamInterrupted { .. }));

    let mut second = Publisher::begin(address, &session(), 2);
    wait_for(&engine, |event| matches!(event, Event::StreamResumed { .. }));
    second.send(7, 0x41);
    second.send(8, 0x65);
    second.send(9, 0x41);
    assert_eq!(next_packet(&mut player), (201, 1, 0x65), "on with a key frame, without a hole");
    assert_eq!(next_packet(&mut player), (202, 1, 0x41));
    let figures = engine.figures().expect("figures");
    let dropped = figures.streams[0].ledger.dropped(crate::stats::Cause::AwaitingKey);
    assert_eq!(dropped, 1, "what came before the key frame");
    check(&engine);

    // Its own end is an end.
    let url = format!("rtsp://{address}/s");
    second.client.send(&format!("TEARDOWN {url}"), &second.session, "");
    wait_for(&engine, |event| matches!(event, Event::StreamEnded { .. }));
}

#[test]
fn a_publisher_with_other_tracks_begins_a_stream_of_its_own() {
    let linger = Duration::from_secs(60);
    let engine = Audited::start(Config { linger, ..Config::default() });
    let address = serve(&engine);
    drop(Publisher::begin(address, &session(), 1));
    wait_for(&engine, |event| matches!(event, Event::StreamInterrupted { .. }));
    let mut other = session();
    other.media.truncate(1);
    let _second = Publisher::begin(address, &other, 2);
    wait_for(&engine, |event| matches!(event, Event::StreamEnded { .. }));
    wait_for(&engine, |event| matches!(event, Event::StreamStarted { .. }));
}

#[test]
pub(super) fn a_publisher_takes_over_where_that_is_allowed() {
    let linger = Duration::from_secs(60);
    let config = Config { linger, takeover: true, ..Config::default() };
    let engine = Audited::start(config);
    let address = serve(&engine);
    let mut first = Publisher::begin(address, &session(), 1);
    first.send(0, 0x65);
    let mut player = play(address);
    assert_eq!(next_packet(&mut player), (0, 1, 0x65));
    let mut second = Publisher::begin(address, &session(), 2);
    wait_for(&engine, |event| matches!(event, Event::StreamResumed { .. }));
    let mut rest = Vec::new();
    first.client.stream.read_to_end(&mut rest).expect("the first one is sent away");
    second.send(0, 0x65);
    assert_eq!(next_packet(&mut player), (1, 1, 0x65));
    check(&engine);
}

#[test]
fn a_stream_whose_source_stays_away_ends() {
    let linger = Duration::from_millis(1);
    let engine = Audited::start(Config { linger, ..Config::default() });
    let address = serve(&engine);
    drop(Publisher::begin(address, &session(), 1));
    wait_for(&engine, |event| matches!(event, Event::StreamInterrupted { .. }));
    wait_for(&engine, |event| matches!(event, Event::StreamEnded { .. }));
}
