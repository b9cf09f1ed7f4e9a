//! Ports that players name: what one has named, nobody else gets.

use super::*;
use crate::media::rtcp;

/// Sockets of a player, or of somebody else at its address.
struct Sockets([UdpSocket; 2]);

impl Sockets {
    fn bind() -> Sockets {
        Sockets(std::array::from_fn(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
            socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            socket
        }))
    }

    fn ports(&self) -> [u16; 2] {
        self.0.each_ref().map(|socket| socket.local_addr().expect("an address").port())
    }

    fn sequence(&self) -> u16 {
        let mut packet = [0; 64];
        self.0[0].recv(&mut packet).expect("a packet");
        u16::from_be_bytes([packet[2], packet[3]])
    }
}

/// A player of a stream of two tracks.
struct Viewer {
    client: Client,
    url: String,
    session: String,
}

impl Viewer {
    fn connect(address: SocketAddr) -> Viewer {
        let (client, url) = (Client::connect(address), format!("rtsp://{address}/s"));
        Viewer { client, url, session: String::new() }
    }

    fn set_up(&mut self, track: u8, [rtp, rtcp]: [u16; 2]) -> String {
        let line = format!("SETUP {}/trackID={track}", self.url);
        let transport = format!("Transport: RTP/AVP;unicast;client_port={rtp}-{rtcp}\r\n");
        let answer = self.client.ask(&line, &(transport + &self.session), "");
        if answer.starts_with("RTSP/1.0 200") {
            self.session = session_of(&answer);
        }
        answer
    }

    fn is_let(&mut self, track: u8, ports: [u16; 2]) -> bool {
        let answer = self.set_up(track, ports);
        let let_in = answer.starts_with("RTSP/1.0 200");
        assert!(let_in || answer.starts_with("RTSP/1.0 461"), "{answer}");
        let_in
    }

    fn ask(&mut self, method: &str, suffix: &str) {
        let answer = self.client.ask(&format!("{method} {}{suffix}", self.url), &self.session, "");
        assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
    }
}

fn nobody_else_gets(address: SocketAddr, [rtp, rtcp]: [u16; 2]) {
    let [other, another] = Sockets::bind().ports();
    for ports in [[rtp, other], [other, rtp], [rtcp, other], [other, rtcp], [rtp, rtcp], [rtcp; 2]]
    {
        assert!(!Viewer::connect(address).is_let(0, ports), "{ports:?}");
    }
    assert!(Viewer::connect(address).is_let(0, [other, another]));
}

#[test]
fn ports_are_one_players_from_its_setup_to_its_end() {
    let engine = engine();
    let address = serve(&engine);
    let _publisher = Publisher::begin(address, &session(), 1);
    let sockets = Sockets::bind();
    let mut player = Viewer::connect(address);
    assert!(player.is_let(0, sockets.ports()));
    nobody_else_gets(address, sockets.ports());
    player.ask("PLAY", "");
    nobody_else_gets(address, sockets.ports());
    player.ask("TEARDOWN", "");
    let mut next = Viewer::connect(address);
    assert!(next.is_let(0, sockets.ports()));
    nobody_else_gets(address, sockets.ports());
    next.ask("PLAY", "");
    drop(next);
    wait_for(&engine, |event| matches!(event, Event::ChildEnded { .. }));
    wait_for(&engine, |event| matches!(event, Event::ChildEnded { .. }));
    assert!(Viewer::connect(address).is_let(0, sockets.ports()));
}

#[test]
fn a_player_names_its_own_ports_again_and_gives_them_back() {
    let engine = engine();
    let address = serve(&engine);
    let _publisher = Publisher::begin(address, &session(), 1);
    let (first, second) = (Sockets::bind(), Sockets::bind());
    let (mut player, [muxed, _]) = (Viewer::connect(address), second.ports());
    for ports in [first.ports(), first.ports(), second.ports(), [muxed; 2]] {
        assert!(player.is_let(0, ports), "{ports:?}");
    }
    assert!(player.is_let(1, [muxed; 2]), "tracks may share a port");
    nobody_else_gets(address, [muxed; 2]);
    assert!(Viewer::connect(address).is_let(0, first.ports()), "given back");
    player.ask("PLAY", "");
    player.ask("TEARDOWN", "/trackID=0");
    nobody_else_gets(address, [muxed; 2]);

    // Anew, without a session identifier: what the former session had is free again.
    player.session.clear();
    assert!(player.is_let(0, second.ports()));
    player.session.clear();
    let third = Sockets::bind();
    assert!(player.is_let(0, third.ports()));
    assert!(Viewer::connect(address).is_let(0, second.ports()));
    nobody_else_gets(address, third.ports());
}

#[test]
fn what_a_player_asks_for_comes_to_it_and_to_nobody_who_names_its_ports() {
    let engine = engine();
    let address = serve(&engine);
    let mut publisher = Publisher::begin(address, &session(), 1);
    publisher.send(0, 0x65);
    let (own, strange) = (Sockets::bind(), Sockets::bind());
    let ([_, reports], [elsewhere, _]) = (own.ports(), strange.ports());
    let mut player = Viewer::connect(address);
    let answer = player.set_up(0, own.ports());
    let server = answer.split("server_port=").nth(1).and_then(|ports| ports.split('-').nth(1));
    let server = server.and_then(|rest| rest.split([';', '\r']).next()).expect("a port");
    let server: u16 = server.parse().expect("a number");
    // Between SETUP and PLAY, and then as one that plays: it is to be heard in the player's place.
    let mut stranger = Viewer::connect(address);
    assert!(!stranger.is_let(0, [elsewhere, reports]));
    player.ask("PLAY", "");
    assert!(!stranger.is_let(0, [elsewhere, reports]));
    drop(stranger);
    assert_eq!(own.sequence(), 0);
    let nack = rtcp::Feedback::Nack { media: 1, lost: &[0] };
    let request = rtcp::feedback(9, "test", &[nack]);
    own.0[1].send_to(&request, ("127.0.0.1", server)).expect("sent");
    assert_eq!(own.sequence(), 0, "once more");
    check(&engine);
}
