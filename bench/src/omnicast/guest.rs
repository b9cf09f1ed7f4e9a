//! Clients of nodes, as the proxy server sees them: it lets them in, tells each to whom to go, and gives it a ticket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rillcast::rtsp::Url;
use rillcast_omnicast::uscp::{
    Credentials, Envelope, FrameDecoder, Login, Message, ReStreamingConnection, frame,
};

use super::error::{Error, doing};
use super::network::Place;
use super::tree::{self, Tree};
use crate::players;

/// How long the proxy server may take for an answer: it looks at a password first.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes read at once.
const BUFFER: usize = 16 << 10;

/// Logs so many guests in from a place, which go away again; where each may take the stream. The proxy server
/// sends each to a node that has most room, so that every node has one when there are as many.
pub(super) fn invitations(tree: &Tree, from: &Place, guests: u32) -> Result<Vec<Url>, Error> {
    let credentials =
        Credentials { user: tree::USER.to_owned(), password: tree::PASSWORD.to_owned() };
    let channel = tree::CHANNEL.to_owned();
    let login = Login { credentials, channel, service: None, resume: None };
    let proxy = tree.proxy_address();
    from.visit(|| {
        // They stay until all have come, so that no place is given twice.
        let mut connections = Vec::new();
        let mut urls = Vec::new();
        for _ in 0..guests {
            let connection = TcpStream::connect(proxy);
            let mut connection = connection.map_err(doing("connect to the proxy server"))?;
            urls.push(invitation(&mut connection, login.clone())?);
            connections.push(connection);
        }
        Ok(urls)
    })
}

/// What a guest says who cannot play.
impl From<players::Error> for Error {
    fn from(error: players::Error) -> Error {
        Error::Role { name: "the clients".into(), text: error.to_string() }
    }
}

fn refused(text: String) -> Error {
    Error::Role { name: "the proxy server".into(), text }
}

/// Logs in, and reads the answer.
fn invitation(connection: &mut TcpStream, login: Login) -> Result<Url, Error> {
    connection.set_read_timeout(Some(PATIENCE)).map_err(doing("set a timeout"))?;
    let request = Envelope { id: 1, message: Message::Login(login) };
    let request = frame(&request).map_err(|error| refused(error.to_string()))?;
    connection.write_all(&request).map_err(doing("write to the proxy server"))?;
    let (mut decoder, mut buffer) = (FrameDecoder::default(), vec![0; BUFFER]);
    loop {
        let next = decoder.next_frame().map_err(|error| refused(error.to_string()))?;
        let Some(document) = next else {
            let read = connection.read(&mut buffer);
            match read.map_err(doing("read from the proxy server"))? {
                0 => return Err(refused("hung up on a guest".into())),
                n => decoder.push(buffer.get(..n).unwrap_or_default()),
            }
            continue;
        };
        let answer = Envelope::parse(&document).map_err(|error| refused(error.to_string()))?;
        match answer.message {
            Message::ReStreamingConnection(connection) => return url(&connection),
            Message::Error(report) => return Err(refused(format!("refuses a guest: {report}"))),
            _ => {}
        }
    }
}

fn url(connection: &ReStreamingConnection) -> Result<Url, Error> {
    let server = &connection.server;
    let ticket = server.ticket.as_deref().unwrap_or_default();
    let url = Url::parse(&format!("{}?ticket={ticket}", server.url));
    url.map_err(|error| refused(format!("sends a guest to {}: {error}", server.url)))
}
