//! H.264 over RTP: packets, with holes, to access units. The first byte chooses the interleaving.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rillcast::media::h264::{self, Depacketizer, Interleaving, Options};
use rillcast_fuzz::records;

fn take(depacketizer: &mut Depacketizer<Vec<u8>>, pushed: usize) {
    while let Some(unit) = depacketizer.pop() {
        assert!(!unit.is_empty(), "an access unit without a NAL unit");
        let bytes: usize = unit.nals().map(|nal| nal.len()).sum();
        // A NAL unit may come out with a header of its own, put together from a fragment's.
        assert!(bytes <= 2 * pushed, "more comes out than went in");
        for nal in unit.nals() {
            assert!(nal.len() > 0 && nal.to_vec().len() == nal.len());
        }
        let _ = (unit.has_picture(), unit.size(), unit.user_data(&[0; 16]));
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&mode, input)) = input.split_first() else { return };
    let interleaving = Interleaving {
        depth: u16::from(mode & 7),
        max_don_diff: (mode & 8 != 0).then_some(u16::from(mode >> 4)),
    };
    let mut depacketizer = Depacketizer::new(Options { interleaving, ..Options::default() });
    let (mut timestamp, mut pushed) = (0u32, 0);
    for record in records(input) {
        if record.new_timestamp() {
            timestamp = timestamp.wrapping_add(3000);
        }
        let _ = h264::inspect(record.payload);
        depacketizer.gap(record.gap());
        pushed += record.payload.len();
        let range = 0..record.payload.len();
        depacketizer.push(record.payload.to_vec(), range, timestamp, record.marker());
        take(&mut depacketizer, pushed);
    }
    depacketizer.flush();
    take(&mut depacketizer, pushed);
});
