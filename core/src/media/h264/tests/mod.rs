//! Tests of the H.264 forms together; what concerns one file alone is tested there.

mod damage;
mod payload_formats;
mod properties;
mod streams;

use super::*;

/// A packet without its RTP header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Packet {
    payload: Vec<u8>,
    timestamp: u32,
    marker: bool,
}

fn packet(payload: &[u8], timestamp: u32, marker: bool) -> Packet {
    Packet { payload: payload.to_vec(), timestamp, marker }
}

/// What came out of a depacketizer, as comparable values.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Out {
    timestamp: u32,
    key: bool,
    damaged: bool,
    lost: u32,
    nals: Vec<Vec<u8>>,
}

struct Receiver {
    depacketizer: Depacketizer<Vec<u8>>,
    out: Vec<Out>,
}

impl Receiver {
    fn new(options: Options) -> Receiver {
        Receiver { depacketizer: Depacketizer::new(options), out: Vec::new() }
    }

    fn push(&mut self, packet: Packet) {
        let length = packet.payload.len();
        self.depacketizer.push(packet.payload, 0..length, packet.timestamp, packet.marker);
        self.take();
    }

    fn gap(&mut self, packets: u32) {
        self.depacketizer.gap(packets);
    }

    fn take(&mut self) {
        while let Some(unit) = self.depacketizer.pop() {
            let nals: Vec<_> = unit.nals().map(|nal| nal.to_vec()).collect();
            check_views(&unit, &nals);
            let AccessUnit { timestamp, key, damaged, lost, .. } = unit;
            self.out.push(Out { timestamp, key, damaged, lost, nals });
        }
    }

    fn finish(mut self) -> Vec<Out> {
        self.depacketizer.flush();
        self.take();
        self.out
    }
}

/// All views of an access unit give the same bytes.
fn check_views(unit: &AccessUnit<Vec<u8>>, nals: &[Vec<u8>]) {
    assert_eq!(unit.len(), nals.len());
    assert_eq!(unit.size(), nals.iter().map(Vec::len).sum::<usize>());
    let (mut annex_b, mut avcc) = (Vec::new(), Vec::new());
    unit.write_annex_b(&mut annex_b);
    unit.write_avcc(&mut avcc);
    let expected: Vec<u8> =
        nals.iter().flat_map(|nal| [0, 0, 0, 1].iter().chain(nal)).copied().collect();
    assert_eq!(annex_b, expected);
    let mut pieces = Vec::new();
    unit.list_annex_b(&mut pieces, |piece| piece);
    assert!(unit.annex_b().eq(pieces.drain(..)));
    unit.list_avcc(&mut pieces, |piece| piece);
    assert!(unit.avcc().eq(pieces));
    let split: Result<Vec<_>, _> = avcc::nals(&avcc, 4).collect();
    assert_eq!(split.unwrap(), nals);
    for (view, nal) in unit.nals().zip(nals) {
        assert_eq!((view.header(), view.len()), (nal[0], nal.len()));
        assert_eq!(view.slices().collect::<Vec<_>>().concat(), *nal);
    }
}

fn receive(packets: impl IntoIterator<Item = Packet>) -> Vec<Out> {
    let mut receiver = Receiver::new(Options::default());
    packets.into_iter().for_each(|packet| receiver.push(packet));
    receiver.finish()
}

fn packetize(packetizer: &mut Packetizer, nals: &[impl AsRef<[u8]>], time: u32) -> Vec<Packet> {
    let nals: Vec<&[u8]> = nals.iter().map(AsRef::as_ref).collect();
    let mut packets = Vec::new();
    let count = packetizer.packetize(&nals, time, |slices| {
        let bytes = slices.concat();
        let header = crate::media::rtp::parse(&bytes).unwrap();
        packets.push(packet(&bytes[header.payload], header.timestamp, header.marker));
    });
    assert_eq!(count, packets.len());
    packets
}

#[test]
fn no_source_makes_more_than_a_bounded_number_of_parameter_sets_be_kept() {
    let mut sets = ParameterSets::new();
    for id in 0..256u32 {
        // Exp-Golomb codes: the id of the PPS in 15 bits or 17, that of its SPS in one.
        let code = u64::from(id + 1);
        let bits = 2 * (64 - code.leading_zeros()) - 1;
        let head = code << (40 - bits) | 1 << (39 - bits);
        let mut nal = vec![0x68];
        nal.extend(&head.to_be_bytes()[3..]);
        nal.resize(1024, 0xff);
        sets.store(&nal);
    }
    let kept = sets.nals().map(<[u8]>::len).sum::<usize>();
    assert!((16 << 10..=32 << 10).contains(&kept), "{kept} bytes");
}
