//! A player of another relay: RTSP until the answer to PLAY, one step after the other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rillcast::media::sdp;
use rillcast::rtsp::client::{Negotiated, TrackSetup, Transports};
use rillcast::rtsp::{ClientConfig, ClientEvent, ClientSession, Parsed, Url, parse};

use super::{Error, Transport, doing};

/// How long a relay may take until it listens and has the stream.
const PATIENCE: Duration = Duration::from_secs(15);

/// Plays the stream at `address`; retries while it is not there yet, and `runs` says that the relay is. Gives the connection, with which the session
/// ends, and what has come behind the answer to PLAY.
pub(crate) fn play(
    address: SocketAddr,
    transport: Transport,
    ports: Option<(u16, u16)>,
    mut runs: impl FnMut() -> bool,
) -> Result<(TcpStream, Vec<u8>), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match try_to_play(address, transport, ports) {
            Err(_) if runs() && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(50))
            }
            outcome => return outcome,
        }
    }
}

fn try_to_play(
    address: SocketAddr,
    transport: Transport,
    ports: Option<(u16, u16)>,
) -> Result<(TcpStream, Vec<u8>), Error> {
    let failed =
        |reason: &dyn std::fmt::Display| Error::Relay(format!("as a player sees it: {reason}"));
    let mut connection = TcpStream::connect(address).map_err(doing("connect to the relay"))?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(doing("connect to the relay"))?;
    let url = Url::parse(&format!("rtsp://{address}/bench")).map_err(|error| failed(&error))?;
    let transports = match transport {
        Transport::Udp => Transports::Udp,
        Transport::Tcp => Transports::Tcp,
    };
    let config = ClientConfig { transports, ..ClientConfig::default() };
    let epoch = Instant::now();
    // The seed is for Digest authentication, which nobody asks for here.
    let mut session = ClientSession::play(url, config, [0; 16], Duration::ZERO);
    let (mut input, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        while let Some(event) = session.poll_event() {
            match event {
                ClientEvent::Described { sdp, .. } => {
                    let described = sdp::Session::parse(&sdp).map_err(|error| failed(&error))?;
                    let media = described.media.first().ok_or_else(|| failed(&"no track"))?;
                    let control = media.control.clone().unwrap_or_default();
                    let track = TrackSetup { control, client_port: ports };
                    session.set_up(described.control.as_deref(), vec![track], epoch.elapsed());
                }
                ClientEvent::TrackReady { transport: Negotiated::Tcp { rtp, .. }, .. }
                    if rtp != 0 =>
                {
                    return Err(failed(&"it wants another channel than 0"));
                }
                ClientEvent::TrackReady { .. } | ClientEvent::Announced | ClientEvent::Held => {}
                ClientEvent::Started { .. } => return Ok((connection, input)),
                ClientEvent::Failed(error) => return Err(failed(&error)),
                ClientEvent::Redirected(_) | ClientEvent::Closed => {
                    return Err(failed(&"it sends players away"));
                }
            }
        }
        while let Some(bytes) = session.poll_transmit() {
            connection.write_all(&bytes).map_err(doing("write to the relay"))?;
        }
        let message = match parse(&input).map_err(|error| failed(&error))? {
            Parsed::Message(message, consumed) => Some((message, consumed)),
            // Packets that are ahead of the answer are not counted yet.
            Parsed::Interleaved { len, .. } if input.len() >= 4 + len => {
                input.drain(..4 + len);
                continue;
            }
            Parsed::Blank(skip) => {
                input.drain(..skip);
                continue;
            }
            Parsed::Incomplete | Parsed::Interleaved { .. } => None,
        };
        match message {
            Some((message, consumed)) => {
                input.drain(..consumed);
                session.handle_message(message, epoch.elapsed());
            }
            None => {
                let read = connection.read(&mut buffer).map_err(doing("read from the relay"))?;
                if read == 0 {
                    return Err(failed(&"it hung up"));
                }
                input.extend_from_slice(buffer.get(..read).unwrap_or_default());
            }
        }
    }
}
