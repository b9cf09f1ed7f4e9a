//! Streams sent to multicast groups, over the loopback interface.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Socket, Type};

use super::{Audited, Client, PATIENCE, Publisher, serve, session, session_of, wait_for};
use crate::engine::{Config, Engine, Event, Multicast};

/// What nobody should be sent to.
const ASKED: &str = "Transport: RTP/AVP;multicast;destination=239.9.9.9;port=5000-5001;ttl=99\r\n";

fn engine(groups: &str) -> Audited {
    let groups = groups.parse().expect("a range");
    let multicast = Multicast { groups, ttl: 1, interface: Some(Ipv4Addr::LOCALHOST) };
    Audited::start(Config { multicast: Some(multicast), ..Config::default() })
}

/// Somebody who is in a group, as any number of others could be.
fn listener(group: Ipv4Addr, port: u16) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&SocketAddr::from((group, port)).into()).expect("the group's port");
    socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).expect("the group");
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket
}

/// The sequence number of the next packet.
fn next(listener: &UdpSocket) -> u16 {
    let mut packet = [0; 100];
    let length = listener.recv(&mut packet).expect("a packet");
    assert!(length > 12);
    u16::from_be_bytes([packet[2], packet[3]])
}

fn set_up(client: &mut Client, url: &str) -> String {
    client.ask(&format!("SETUP {url}/trackID=0"), ASKED, "")
}

fn children(engine: &Engine) -> Vec<String> {
    let figures = engine.figures().expect("figures");
    let children = figures.streams.into_iter().flat_map(|stream| stream.children);
    children.map(|child| format!("{} {}", child.transport, child.peer.expect("a group"))).collect()
}

#[test]
fn all_who_listen_share_one_copy_as_long_as_one_of_them_plays() {
    let engine = engine("239.192.77.0/24");
    let address = serve(&engine);
    let url = format!("rtsp://{address}/s");
    let mut publisher = Publisher::begin(address, &session(), 7);
    publisher.send(1, 0x65);
    let listener = listener(Ipv4Addr::new(239, 192, 77, 0), 20_000);

    let mut first = Client::connect(address);
    let answer = set_up(&mut first, &url);
    let chosen = "RTP/AVP;multicast;destination=239.192.77.0;port=20000-20001;ttl=1";
    assert!(answer.contains(chosen) && !answer.contains("239.9.9.9"), "{answer}");
    assert_eq!(children(&engine), [""; 0], "nothing is sent yet");
    let one = session_of(&answer);
    let played = first.ask(&format!("PLAY {url}"), &one, "");
    assert!(played.contains("200 OK") && played.contains(";seq=1;"), "{played}");
    assert_eq!(next(&listener), 1, "from the key frame on");

    let mut second = Client::connect(address);
    let answer = set_up(&mut second, &url);
    assert!(answer.contains(chosen), "{answer}");
    let other = session_of(&answer);
    let played = second.ask(&format!("PLAY {url}"), &other, "");
    assert!(played.contains("200 OK") && !played.contains("RTP-Info"), "{played}");
    assert_eq!(publisher.client.frame().0, 1, "a key frame is asked for");
    assert_eq!(children(&engine), ["multicast 239.192.77.0:20000"]);
    for sequence in [2, 3] {
        publisher.send(sequence, 0x65);
    }
    assert_eq!((next(&listener), next(&listener)), (2, 3), "once");

    assert!(first.ask(&format!("PAUSE {url}"), &one, "").contains("200 OK"));
    publisher.send(4, 0x65);
    assert_eq!(next(&listener), 4);
    assert!(first.ask(&format!("TEARDOWN {url}"), &one, "").contains("200 OK"));
    wait_for(&engine, |event| matches!(event, Event::ChildEnded { .. }));
    publisher.send(5, 0x65);
    assert_eq!(next(&listener), 5);

    // Nobody plays: nothing is sent, until somebody plays again.
    assert!(second.ask(&format!("PAUSE {url}"), &other, "").contains("200 OK"));
    publisher.send(6, 0x65);
    assert!(second.ask(&format!("PLAY {url}"), &other, "").contains("200 OK"));
    let resumed = next(&listener);
    assert!(resumed >= 5, "at the key frame that is the newest: {resumed}");
    drop(second);
    wait_for(&engine, |event| matches!(event, Event::ChildEnded { .. }));
    assert_eq!(children(&engine), [""; 0]);
}

#[test]
fn a_stream_has_a_group_for_itself_until_the_last_has_left_it() {
    let engine = engine("239.192.78.1");
    let address = serve(&engine);
    let _publishers = ["s", "t"].map(|path| Publisher::begin_at(address, path, &session(), 7));
    let [url, other] = ["s", "t"].map(|path| format!("rtsp://{address}/{path}"));
    let mut client = Client::connect(address);
    let session = session_of(&set_up(&mut client, &url));
    let refused = set_up(&mut Client::connect(address), &other);
    assert!(refused.starts_with("RTSP/1.0 461 "), "{refused}");
    assert!(client.ask(&format!("TEARDOWN {url}"), &session, "").contains("200 OK"));
    let answer = set_up(&mut Client::connect(address), &other);
    assert!(answer.contains("destination=239.192.78.1;"), "{answer}");
}

#[test]
pub(super) fn those_who_stay_after_the_end_of_their_stream_are_sent_away() {
    let engine = engine("239.192.79.1");
    let address = serve(&engine);
    let url = format!("rtsp://{address}/s");
    let mut publisher = Publisher::begin(address, &session(), 7);
    publisher.send(1, 0x65);
    let mut client = Client::connect(address);
    let session = session_of(&set_up(&mut client, &url));
    assert!(client.ask(&format!("PLAY {url}"), &session, "").contains("200 OK"));
    drop(publisher);
    let ended = |event: &Event| matches!(event, Event::StreamClosed(_));
    let Event::StreamClosed(stream) = wait_for(&engine, ended) else { return };
    assert_eq!(stream.former_children.sent, 2, "a packet and the BYE of its track");
}
