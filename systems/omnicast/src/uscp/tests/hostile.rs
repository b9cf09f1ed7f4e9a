//! What is refused, and by which words.

use crate::uscp::*;

fn refused(document: &str) -> Error {
    Envelope::parse(document.as_bytes()).expect_err(document)
}

fn with(inside: &str) -> String {
    format!("<USCP version=\"1.0\" id=\"1\">{inside}</USCP>")
}

#[test]
fn document_types_and_entities() {
    for document in [
        "<!DOCTYPE USCP><USCP version='1.0' id='1'><OK/></USCP>",
        "<!DOCTYPE USCP SYSTEM 'file:///etc/passwd'><USCP version='1.0' id='1'><OK/></USCP>",
        "<!DOCTYPE l [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;'>]><USCP version='1.0' id='1'><Logout>&b;</Logout></USCP>",
    ] {
        assert_eq!(refused(document), Error::Forbidden("document type declaration"));
    }
    let entity = with("<Login><User>&me;</User></Login>");
    assert_eq!(refused(&entity), Error::Forbidden("entities of its own"));
    let entity = "<USCP version='1.0' id='&me;'><OK/></USCP>";
    assert!(matches!(refused(entity), Error::Malformed(_)));
    let instruction = "<?xml-stylesheet href='x'?><USCP version='1.0' id='1'><OK/></USCP>";
    assert_eq!(refused(instruction), Error::Forbidden("processing instruction"));
}

#[test]
fn deep_wide_and_long() {
    let deep = with(&("<a>".repeat(1_000) + &"</a>".repeat(1_000)));
    assert_eq!(refused(&deep), Error::TooComplex("elements within elements"));
    assert_eq!(refused(&with(&"<a/>".repeat(1_000))), Error::TooComplex("elements"));
    let attributes: String = (0..100).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(refused(&with(&format!("<OK{attributes}/>"))), Error::TooComplex("attributes"));
    let long = with(&" ".repeat(MAX_MESSAGE));
    assert_eq!(refused(&long), Error::TooLong(long.len()));
    let standbys = "<Standby><Id>1</Id><Url>u</Url><Hops>1</Hops></Standby>";
    let many = format!(
        "<Node>1</Node><Server><Id>0</Id><Url>u</Url><Hops>0</Hops></Server>{}",
        standbys.repeat(MAX_STANDBYS + 1)
    );
    let many = with(&format!("<Reassign>{many}</Reassign>"));
    assert_eq!(refused(&many), Error::TooComplex("standbys"));
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_the_message_comes() {
    let mut decoder = FrameDecoder::default();
    decoder.push(&u32::MAX.to_be_bytes());
    assert_eq!(decoder.next_frame(), Err(Error::TooLong(u32::MAX as usize)));
    let mut decoder = FrameDecoder::default();
    decoder.push(&[0, 0, 0]);
    assert_eq!(decoder.next_frame(), Ok(None));
    assert!(decoder.is_within_message());
    // An empty document is a frame, but no message.
    decoder.push(&[0]);
    assert_eq!(decoder.next_frame(), Ok(Some(Vec::new())));
    assert!(Envelope::parse(b"").is_err());
}

#[test]
fn every_truncation() {
    let login = with("<Login><User>a</User><Password>b</Password><Channel>c</Channel></Login>");
    assert!(Envelope::parse(login.as_bytes()).is_ok());
    for end in 0..login.len() {
        assert!(Envelope::parse(&login.as_bytes()[..end]).is_err(), "{}", &login[..end]);
    }
}

#[test]
fn wrong_values() {
    for (document, error) in [
        ("<HTTP/>", Error::NotUscp("HTTP".into())),
        ("<USCP id='1'><OK/></USCP>", Error::Missing("the attribute version")),
        ("<USCP version='2.0' id='1'><OK/></USCP>", Error::Version("2.0".into())),
        ("<USCP version='1.0'><OK/></USCP>", Error::Missing("the attribute id")),
        ("<USCP version='1.0' id='1'/>", Error::UnknownMessage),
        ("<USCP version='1.0' id='1'><Dance/></USCP>", Error::UnknownMessage),
    ] {
        assert_eq!(refused(document), error);
    }
    let no_number = |what| Error::Invalid { what, why: "is no number that fits" };
    for (inside, error) in [
        ("<Login/>", Error::Missing("User")),
        ("<Login><User/></Login>", Error::Invalid { what: "User", why: "is empty" }),
        ("<NodeInformation/>", Error::Missing("Capacity")),
        ("<NodeInformation><Capacity>-1</Capacity></NodeInformation>", no_number("Capacity")),
        (
            "<NodeInformation><Capacity>99999999999</Capacity></NodeInformation>",
            no_number("Capacity"),
        ),
        (
            "<NodeInformation><Capacity>1</Capacity><Cpu>101</Cpu></NodeInformation>",
            Error::Invalid { what: "Cpu", why: "is more than 100 percent" },
        ),
        ("<ReConfiguration/>", Error::Missing("Gone")),
        ("<Reassign><Node>1</Node></Reassign>", Error::Missing("Server")),
    ] {
        assert_eq!(refused(&with(inside)), error);
    }
    let name = "x".repeat(65);
    let long = with(&format!("<Login><User>{name}</User></Login>"));
    assert_eq!(refused(&long), Error::Invalid { what: "User", why: "is too long" });
    assert_eq!(refused(&with("<OK>\u{1}</OK>")), Error::Forbidden("control characters"));
    assert_eq!(refused(&with("<OK>&#1;</OK>")), Error::Forbidden("control characters"));
    assert_eq!(Envelope::parse(b"\xff\xfe"), Err(Error::NotUtf8));
}

#[test]
fn what_is_not_known_is_passed_over() {
    let document = "\u{feff}<!-- from later --><USCP version='1.7' id=' 5 ' lang='ko' xmlns='urn:x'>\
        <Trace depth='3'><Hop/></Trace><Keepalive mood='fine'><Load>7</Load></Keepalive></USCP>\n";
    let read = Envelope::parse(document.as_bytes()).unwrap();
    assert_eq!(read, Envelope { id: 5, message: Message::Keepalive });
    // Nobody says how far away he is: it is the proxy server that counts.
    let boast = with("<NodeInformation><Capacity>1</Capacity><Hops>0</Hops></NodeInformation>");
    let read = Envelope::parse(boast.as_bytes()).unwrap().message;
    let told = NodeInformation { capacity: 1, ..NodeInformation::default() };
    assert_eq!(read, Message::NodeInformation(told));
    let document = with("<ERROR><Code>Teapot</Code></ERROR>");
    let Ok(Envelope { message: Message::Error(report), .. }) = Envelope::parse(document.as_bytes())
    else {
        panic!("{document}")
    };
    assert_eq!(report.code, ErrorCode::Other);
}

#[test]
fn what_xml_cannot_say_is_not_sent() {
    let text = "a\u{0}b".to_owned();
    let report = ErrorReport::new(ErrorCode::Other, text);
    let envelope = Envelope { id: 1, message: Message::Error(report) };
    assert_eq!(frame(&envelope), Err(Error::Forbidden("control characters")));
    let text = "x".repeat(MAX_MESSAGE);
    let report = ErrorReport::new(ErrorCode::Other, text);
    let envelope = Envelope { id: 1, message: Message::Error(report) };
    assert!(matches!(frame(&envelope), Err(Error::TooLong(_))));
}

#[test]
fn replayed_requests_are_noticed() {
    let mut ids = RequestIds::default();
    for id in [1, 2, 5, u64::MAX] {
        assert_eq!(ids.accept(id), Ok(()));
        assert_eq!(ids.accept(id), Err(Error::Replayed(id)));
        assert_eq!(ids.accept(0), Err(Error::Replayed(0)));
    }
    let mut own = RequestIds::default();
    assert_eq!((own.next_id(), own.next_id()), (1, 2));
}

#[test]
fn no_password_in_a_log() {
    let login = with("<Login><User>a</User><Password>tulip</Password><Channel>c</Channel></Login>");
    let login = format!("{:?}", Envelope::parse(login.as_bytes()));
    assert!(login.contains("Credentials(\"a\")") && !login.contains("tulip"), "{login}");
}
