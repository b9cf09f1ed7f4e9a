//! XML as far as USCP needs it: a document as a small tree.
//!
//! The tree is built from the parser's events, so that everything that USCP does not allow is refused at
//! the first byte of it, and nothing is ever expanded.

use std::fmt::Write as _;

use quick_xml::escape::escape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Error, MAX_MESSAGE};

/// Elements within elements.
const MAX_DEPTH: usize = 8;
/// Elements of a document.
const MAX_ELEMENTS: usize = 256;
/// Attributes of an element.
const MAX_ATTRIBUTES: usize = 16;

/// An element with what is in it. Prefixes of names are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    /// The character data, without that of the children.
    pub(super) text: String,
}

impl Element {
    pub(super) fn new(name: &str) -> Element {
        Element { name: name.to_owned(), ..Element::default() }
    }

    /// An element that holds a text.
    pub(super) fn of_text(name: &str, text: impl ToString) -> Element {
        Element { text: text.to_string(), ..Element::new(name) }
    }

    /// With one more attribute.
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Element {
        self.attributes.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first child of a name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The document that an element is the outermost of.
    ///
    /// # Errors
    /// What [`Error`] says.
    pub(super) fn parse(document: &[u8]) -> Result<Element, Error> {
        if document.len() > MAX_MESSAGE {
            return Err(Error::TooLong(document.len()));
        }
        let text = std::str::from_utf8(document).map_err(|_| Error::NotUtf8)?;
        if !text.chars().all(is_xml_char) {
            return Err(Error::Forbidden("control characters"));
        }
        let mut reader = Reader::from_str(text);
        let mut tree = Tree::default();
        loop {
            match reader.read_event().map_err(malformed)? {
                Event::Start(start) => tree.open(element(&start)?)?,
                Event::Empty(start) => {
                    tree.open(element(&start)?)?;
                    tree.close()?;
                }
                Event::End(_) => tree.close()?,
                Event::Text(text) => tree.text(&text.xml10_content())?,
                Event::CData(text) => tree.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref().map_err(malformed)? {
                        Some(c) if is_xml_char(c) => c,
                        Some(_) => return Err(Error::Forbidden("control characters")),
                        None => predefined(&reference.xml10_content())?,
                    };
                    tree.text(resolved.encode_utf8(&mut [0; 4]))?;
                }
                Event::Decl(_) | Event::Comment(_) => {}
                Event::DocType(_) => return Err(Error::Forbidden("document type declaration")),
                Event::PI(_) => return Err(Error::Forbidden("processing instruction")),
                Event::Eof => return tree.finish(),
            }
        }
    }

    /// Writes the element as a document.
    ///
    /// # Errors
    /// When a text holds what XML cannot say, or the document is too long.
    pub(super) fn document(&self) -> Result<String, Error> {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut text);
        if !text.chars().all(is_xml_char) {
            return Err(Error::Forbidden("control characters"));
        }
        match text.len() {
            length if length > MAX_MESSAGE => Err(Error::TooLong(length)),
            _ => Ok(text),
        }
    }

    fn write(&self, out: &mut String) {
        // Writing to a string does not fail.
        let _ = write!(out, "<{}", self.name);
        for (name, value) in &self.attributes {
            let _ = write!(out, " {name}=\"{}\"", escaped(value));
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        out.push_str(&escaped(&self.text));
        for child in &self.children {
            child.write(out);
        }
        let _ = write!(out, "</{}>", self.name);
    }
}

/// A tree that grows.
#[derive(Default)]
struct Tree {
    /// The elements that are open, the outermost first.
    open: Vec<Element>,
    elements: usize,
    root: Option<Element>,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), Error> {
        if self.root.is_some() {
            return Err(Error::Malformed("there is an element behind the end".into()));
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(Error::TooComplex("elements"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::TooComplex("elements within elements"));
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let closed = self.open.pop().ok_or(Error::Malformed("an end without a begin".into()))?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => self.root = Some(closed),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            // A byte order mark is no text.
            None if text.trim_start_matches('\u{feff}').trim().is_empty() => {}
            None => return Err(Error::Malformed("there is text outside of the element".into())),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, Error> {
        match self.open.last() {
            Some(element) => Err(Error::Malformed(format!("{} has no end", element.name))),
            None => self.root.ok_or(Error::Malformed("there is no element".into())),
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, Error> {
    let mut element = Element::new(start.local_name().as_ref());
    for attribute in start.attributes() {
        if element.attributes.len() >= MAX_ATTRIBUTES {
            return Err(Error::TooComplex("attributes"));
        }
        let attribute = attribute.map_err(malformed)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(malformed)?;
        if !value.chars().all(is_xml_char) {
            return Err(Error::Forbidden("control characters"));
        }
        let name = attribute.key.local_name();
        element.attributes.push((name.as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

/// The five entities that XML itself has (XML 1.0 §4.6). There are no others without a DTD.
fn predefined(name: &str) -> Result<char, Error> {
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(Error::Forbidden("entities of its own")),
    }
}

/// What may stand in a document at all (XML 1.0 §2.2).
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Line ends and tabs as references: a reader would make others of them (XML 1.0 §2.11, §3.3.3).
fn escaped(text: &str) -> String {
    escape(text).replace('\r', "&#13;").replace('\n', "&#10;").replace('\t', "&#9;")
}

fn malformed(error: impl ToString) -> Error {
    Error::Malformed(error.to_string())
}
