//! Messages as XML elements.

use super::message::{
    Credentials, ErrorCode, ErrorReport, Login, Message, NodeInformation, Quality, ReConfiguration,
    ReStreamingConnection, ServerNode, ServicePoint,
};
use super::xml::Element;
use super::{Error, MAX_MESSAGE, MAX_STANDBYS, VERSION};
use crate::NodeId;

/// Longest names and texts, in bytes.
const MAX_USER: usize = 64;
const MAX_PASSWORD: usize = 1024;
const MAX_CHANNEL: usize = 128;
const MAX_HOST: usize = 255;
/// With a port behind it.
const MAX_PROXY: usize = MAX_HOST + 8;
const MAX_URL: usize = 2048;
const MAX_TICKET: usize = 1024;
const MAX_TEXT: usize = 1024;

/// A message with the id of the request that it is, or that it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The request's id.
    pub id: u64,
    /// What is said.
    pub message: Message,
}

impl Envelope {
    /// Reads a document.
    ///
    /// # Errors
    /// Whatever keeps it from being a message: see [`Error`].
    pub fn parse(document: &[u8]) -> Result<Envelope, Error> {
        let root = Element::parse(document)?;
        if root.name != "USCP" {
            return Err(Error::NotUscp(root.name));
        }
        let version = root.attribute("version").ok_or(Error::Missing("the attribute version"))?;
        if version.split('.').next() != VERSION.split('.').next() {
            return Err(Error::Version(version.chars().take(16).collect()));
        }
        let id = root.attribute("id").ok_or(Error::Missing("the attribute id"))?;
        let id = number(id, "the attribute id")?;
        let message = root.children.iter().find_map(|child| message(child).transpose());
        Ok(Envelope { id, message: message.ok_or(Error::UnknownMessage)?? })
    }

    /// Writes it as a document.
    ///
    /// # Errors
    /// When a text holds characters that XML cannot say, or the document is too long.
    pub fn document(&self) -> Result<String, Error> {
        let mut root = Element::new("USCP").with("version", VERSION).with("id", self.id);
        root.children.push(element(&self.message));
        root.document()
    }

    /// The id of a document that cannot be read as a message, for the answer that says so; 0 when not
    /// even that can be read.
    pub fn id_of(document: &[u8]) -> u64 {
        let root = Element::parse(document).ok();
        root.and_then(|root| root.attribute("id")?.parse().ok()).unwrap_or(0)
    }
}

fn element(message: &Message) -> Element {
    let mut element = Element::new(message.name());
    element.children = match message {
        Message::Login(login) | Message::Subscription(login) => login_parts(login),
        Message::Logout | Message::Keepalive | Message::Ok => Vec::new(),
        Message::ReConfiguration(ReConfiguration { gone, at }) => {
            let at = at.map(|at| Element::of_text("At", at));
            [Element::of_text("Gone", gone)].into_iter().chain(at).collect()
        }
        Message::NodeInformation(information) => information_parts(information),
        Message::UplinkTest(bytes) => {
            // More than a message can be is found out when it is written.
            let bytes = usize::try_from(*bytes).map_or(MAX_MESSAGE, |bytes| bytes.min(MAX_MESSAGE));
            vec![Element::of_text("Padding", "x".repeat(bytes))]
        }
        Message::Unsubscription(password) => vec![Element::of_text("Password", password)],
        Message::ReStreamingConnection(connection) | Message::Reassign(connection) => {
            connection_parts(connection)
        }
        Message::Error(ErrorReport { code, text, retry_after, proxy }) => {
            let retry = retry_after.map(|seconds| Element::of_text("RetryAfter", seconds));
            let proxy = proxy.as_ref().map(|proxy| Element::of_text("Proxy", proxy));
            let code = Element::of_text("Code", code.name());
            let said = [code, Element::of_text("Text", text)];
            said.into_iter().chain(retry).chain(proxy).collect()
        }
    };
    element
}

/// `None`: an element that is not known here.
fn message(element: &Element) -> Result<Option<Message>, Error> {
    Ok(Some(match element.name.as_str() {
        "Login" => Message::Login(login(element)?),
        "Logout" => Message::Logout,
        "Subscription" => Message::Subscription(login(element)?),
        "ReConfiguration" => Message::ReConfiguration(ReConfiguration {
            gone: parsed(element, "Gone")?.ok_or(Error::Missing("Gone"))?,
            at: parsed(element, "At")?,
        }),
        "NodeInformation" => Message::NodeInformation(information(element)?),
        "Unsubscription" => Message::Unsubscription(required(element, "Password", MAX_PASSWORD)?),
        "Keepalive" => Message::Keepalive,
        "UplinkTest" => {
            let padding = element.child("Padding").map_or(0, |padding| padding.text.len());
            // No document is that long.
            Message::UplinkTest(u32::try_from(padding).unwrap_or(u32::MAX))
        }
        "ReStreamingConnection" => Message::ReStreamingConnection(connection(element)?),
        "OK" => Message::Ok,
        "ERROR" => Message::Error(ErrorReport {
            code: ErrorCode::of(&required(element, "Code", MAX_TEXT)?),
            text: optional(element, "Text", MAX_TEXT)?.unwrap_or_default(),
            retry_after: parsed(element, "RetryAfter")?,
            proxy: optional(element, "Proxy", MAX_PROXY)?,
        }),
        "Reassign" => Message::Reassign(connection(element)?),
        _ => return Ok(None),
    }))
}

fn login_parts(login: &Login) -> Vec<Element> {
    let Login { credentials, channel, service, resume } = login;
    let mut parts = vec![
        Element::of_text("User", &credentials.user),
        Element::of_text("Password", &credentials.password),
        Element::of_text("Channel", channel),
    ];
    if let Some(ServicePoint { host, port }) = service {
        let mut service = Element::new("Service");
        if let Some(host) = host {
            service = service.with("host", host);
        }
        parts.push(service.with("port", port));
    }
    parts.extend(resume.as_ref().map(|ticket| Element::of_text("Resume", ticket)));
    parts
}

fn login(element: &Element) -> Result<Login, Error> {
    let service = match element.child("Service") {
        Some(service) => Some(ServicePoint {
            host: limited(service.attribute("host"), "host", MAX_HOST)?,
            port: number(
                service.attribute("port").ok_or(Error::Missing("the attribute port"))?,
                "the attribute port",
            )?,
        }),
        None => None,
    };
    Ok(Login {
        credentials: Credentials {
            user: required(element, "User", MAX_USER)?,
            password: required(element, "Password", MAX_PASSWORD)?,
        },
        channel: required(element, "Channel", MAX_CHANNEL)?,
        service,
        resume: optional(element, "Resume", MAX_TICKET)?,
    })
}

fn information_parts(information: &NodeInformation) -> Vec<Element> {
    let NodeInformation { capacity, uplink, cpu, memory, quality } = information;
    let mut parts = vec![Element::of_text("Capacity", capacity)];
    parts.extend(uplink.map(|bits| Element::of_text("Uplink", bits)));
    parts.extend(cpu.map(|percent| Element::of_text("Cpu", percent)));
    parts.extend(memory.map(|bytes| Element::of_text("Memory", bytes)));
    parts.extend(quality.map(|Quality { server, received, lost }| {
        let quality = Element::new("Quality").with("server", server);
        quality.with("received", received).with("lost", lost)
    }));
    parts
}

fn information(element: &Element) -> Result<NodeInformation, Error> {
    let quality = match element.child("Quality") {
        Some(quality) => {
            let count =
                |name, what| number(quality.attribute(name).ok_or(Error::Missing(what))?, what);
            Some(Quality {
                server: NodeId(count("server", "the attribute server")?),
                received: count("received", "the attribute received")?,
                lost: count("lost", "the attribute lost")?,
            })
        }
        None => None,
    };
    let cpu = parsed(element, "Cpu")?;
    if cpu.is_some_and(|percent: u8| percent > 100) {
        return Err(Error::Invalid { what: "Cpu", why: "is more than 100 percent" });
    }
    Ok(NodeInformation {
        capacity: parsed(element, "Capacity")?.ok_or(Error::Missing("Capacity"))?,
        uplink: parsed(element, "Uplink")?,
        cpu,
        memory: parsed(element, "Memory")?,
        quality,
    })
}

fn connection_parts(connection: &ReStreamingConnection) -> Vec<Element> {
    let ReStreamingConnection { node, server, standbys, key, keepalive } = connection;
    let mut parts = vec![Element::of_text("Node", node), server_parts("Server", server)];
    parts.extend(standbys.iter().map(|standby| server_parts("Standby", standby)));
    parts.extend(key.as_ref().map(|key| Element::of_text("Key", key)));
    parts.extend(keepalive.map(|seconds| Element::of_text("Keepalive", seconds)));
    parts
}

fn connection(element: &Element) -> Result<ReStreamingConnection, Error> {
    let standbys = element.children.iter().filter(|child| child.name == "Standby");
    let standbys = standbys.map(server).collect::<Result<Vec<_>, _>>()?;
    if standbys.len() > MAX_STANDBYS {
        return Err(Error::TooComplex("standbys"));
    }
    Ok(ReStreamingConnection {
        node: parsed(element, "Node")?.ok_or(Error::Missing("Node"))?,
        server: server(element.child("Server").ok_or(Error::Missing("Server"))?)?,
        standbys,
        key: optional(element, "Key", MAX_TICKET)?,
        keepalive: parsed(element, "Keepalive")?,
    })
}

fn server_parts(name: &str, server: &ServerNode) -> Element {
    let ServerNode { id, url, hops, ticket } = server;
    let mut element = Element::new(name);
    element.children.push(Element::of_text("Id", id));
    element.children.push(Element::of_text("Url", url));
    element.children.push(Element::of_text("Hops", hops));
    element.children.extend(ticket.as_ref().map(|ticket| Element::of_text("Ticket", ticket)));
    element
}

fn server(element: &Element) -> Result<ServerNode, Error> {
    Ok(ServerNode {
        id: parsed(element, "Id")?.ok_or(Error::Missing("Id"))?,
        url: required(element, "Url", MAX_URL)?,
        hops: parsed(element, "Hops")?.ok_or(Error::Missing("Hops"))?,
        ticket: optional(element, "Ticket", MAX_TICKET)?,
    })
}

/// The text of a child that has to be there and not empty.
fn required(element: &Element, name: &'static str, limit: usize) -> Result<String, Error> {
    let text = optional(element, name, limit)?.ok_or(Error::Missing(name))?;
    match text.is_empty() {
        true => Err(Error::Invalid { what: name, why: "is empty" }),
        false => Ok(text),
    }
}

fn optional(element: &Element, name: &'static str, limit: usize) -> Result<Option<String>, Error> {
    limited(element.child(name).map(|child| child.text.as_str()), name, limit)
}

fn limited(text: Option<&str>, what: &'static str, limit: usize) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.len() > limit => Err(Error::Invalid { what, why: "is too long" }),
        text => Ok(text.map(str::to_owned)),
    }
}

/// The number in a child, which may be left out.
fn parsed<T: std::str::FromStr>(element: &Element, name: &'static str) -> Result<Option<T>, Error> {
    element.child(name).map(|child| number(&child.text, name)).transpose()
}

fn number<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Error> {
    text.trim().parse().map_err(|_| Error::Invalid { what, why: "is no number that fits" })
}
