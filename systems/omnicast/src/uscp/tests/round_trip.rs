//! What is written is read as it was, however the bytes arrive.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::NodeId;
use crate::uscp::*;

fn credentials() -> impl Strategy<Value = Credentials> {
    ("[^\\p{Cc}]{1,16}", "[^\\p{Cn}\u{0}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{fffe}\u{ffff}]{1,32}")
        .prop_map(|(user, password)| Credentials { user, password })
}

fn login() -> impl Strategy<Value = Login> {
    let service = (option::of("[a-z0-9.:]{1,20}"), any::<u16>())
        .prop_map(|(host, port)| ServicePoint { host, port });
    (credentials(), "[a-z/&<\"]{1,20}", option::of(service), option::of("[A-Za-z0-9_-]{1,200}"))
        .prop_map(|(credentials, channel, service, resume)| Login {
            credentials,
            channel,
            service,
            resume,
        })
}

fn server() -> impl Strategy<Value = ServerNode> {
    let ticket = option::of("[A-Za-z0-9_-]{1,200}");
    (any::<u64>(), "rtsp://[a-z0-9.:/?&=]{1,40}", any::<u32>(), ticket)
        .prop_map(|(id, url, hops, ticket)| ServerNode { id: NodeId(id), url, hops, ticket })
}

fn connection() -> impl Strategy<Value = ReStreamingConnection> {
    let standbys = vec(server(), 0..=MAX_STANDBYS);
    let key = option::of("[A-Za-z0-9_-]{43}");
    (any::<u64>(), server(), standbys, key, option::of(any::<u32>())).prop_map(
        |(node, server, standbys, key, keepalive)| ReStreamingConnection {
            node: NodeId(node),
            server,
            standbys,
            key,
            keepalive,
        },
    )
}

fn information() -> impl Strategy<Value = NodeInformation> {
    let quality = (any::<u64>(), any::<u64>(), any::<u64>())
        .prop_map(|(server, received, lost)| Quality { server: NodeId(server), received, lost });
    let (uplink, cpu, memory) =
        (option::of(any::<u64>()), option::of(0u8..=100), option::of(any::<u64>()));
    (any::<u32>(), uplink, cpu, memory, option::of(quality)).prop_map(
        |(capacity, uplink, cpu, memory, quality)| NodeInformation {
            capacity,
            uplink,
            cpu,
            memory,
            quality,
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let codes = prop::sample::select(ErrorCode::ALL.to_vec());
    let text = "[^\\p{Cc}\u{fffe}\u{ffff}]{0,40}";
    prop_oneof![
        login().prop_map(Message::Login),
        Just(Message::Logout),
        login().prop_map(Message::Subscription),
        (any::<u64>(), option::of(any::<u64>())).prop_map(|(gone, at)| {
            Message::ReConfiguration(ReConfiguration { gone: NodeId(gone), at: at.map(NodeId) })
        }),
        information().prop_map(Message::NodeInformation),
        credentials().prop_map(|credentials| Message::Unsubscription(credentials.password)),
        Just(Message::Keepalive),
        (0u32..2_000).prop_map(Message::UplinkTest),
        connection().prop_map(Message::ReStreamingConnection),
        Just(Message::Ok),
        (codes, text, option::of(any::<u32>()), option::of("[a-z0-9.]{1,40}:[0-9]{1,5}")).prop_map(
            |(code, text, retry_after, proxy)| {
                Message::Error(ErrorReport { code, text, retry_after, proxy })
            }
        ),
        connection().prop_map(Message::Reassign),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(id in any::<u64>(), message in message()) {
        let envelope = Envelope { id, message };
        let document = envelope.document().unwrap();
        prop_assert_eq!(Envelope::parse(document.as_bytes()).unwrap(), envelope);
        prop_assert_eq!(Envelope::id_of(document.as_bytes()), id);
    }

    #[test]
    fn however_the_bytes_arrive(messages in vec(message(), 1..5), cuts in vec(1usize..200, 1..20)) {
        let sent: Vec<_> =
            messages.into_iter().map(|message| Envelope { id: 1, message }).collect();
        let bytes: Vec<u8> = sent.iter().flat_map(|envelope| frame(envelope).unwrap()).collect();
        let mut decoder = FrameDecoder::default();
        let mut received = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            rest = later;
            decoder.push(now);
            while let Some(document) = decoder.next_frame().unwrap() {
                received.push(Envelope::parse(&document).unwrap());
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(received, sent);
        prop_assert!(!decoder.is_within_message());
    }

    #[test]
    fn garbage_is_no_message(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Envelope::parse(&bytes);
        let mut decoder = FrameDecoder::default();
        decoder.push(&bytes);
        while let Ok(Some(_)) = decoder.next_frame() {}
    }
}
