//! AAC: its configuration, ADTS, and RFC 3640 packets by any parameters an SDP may have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rillcast::media::aac::{self, Config, Depacketizer, Format, adts};
use rillcast_fuzz::records;

/// The parameters that the first bytes of an input name, within and without what is allowed.
fn format(bytes: [u8; 4]) -> Option<Format> {
    let [a, b, c, d] = bytes.map(u32::from);
    if a < 64 {
        return Some(if a < 48 { Format::high_bit_rate() } else { Format::low_bit_rate() });
    }
    let mut text = vec![
        ("indexLength", b & 7),
        ("indexDeltaLength", b >> 3 & 7),
        ("CTSDeltaLength", c & 31),
        ("DTSDeltaLength", c >> 5),
        ("auxiliaryDataSizeLength", d & 15),
        ("randomAccessIndication", d >> 4 & 1),
        ("streamStateIndication", d >> 5 & 3),
    ];
    text.push(if a & 1 == 0 { ("sizeLength", a >> 1 & 31) } else { ("constantSize", a) });
    if d & 128 != 0 {
        text.extend([("maxDisplacement", 4096), ("constantDuration", 1024)]);
    }
    let text: Vec<_> = text.into_iter().map(|(name, value)| (name, value.to_string())).collect();
    Format::from_parameters(text.iter().map(|(name, value)| (*name, value.as_str()))).ok()
}

fn take(depacketizer: &mut Depacketizer<Vec<u8>>) {
    while let Some(unit) = depacketizer.pop() {
        assert_eq!(unit.to_vec().len(), unit.size());
    }
}

fuzz_target!(|input: &[u8]| {
    if let Ok(config) = Config::parse(input) {
        let _ = (config.channels(), config.duration(48_000));
        // What `build` is for.
        if matches!(config.object_type, 1..=4) && config.channel_configuration != 0 {
            assert_eq!(Config::parse(&config.build()), Ok(config));
        }
    }
    for frame in adts::frames(input) {
        let Ok((header, frame)) = frame else { break };
        let _ = (header.config(), frame.len());
    }
    let Some((&bytes, input)) = input.split_first_chunk::<4>() else { return };
    let Some(format) = format(bytes) else { return };
    let mut depacketizer: Depacketizer<Vec<u8>> = aac::Depacketizer::new(format, 48_000);
    let mut timestamp = 0u32;
    for record in records(input) {
        if record.new_timestamp() {
            timestamp = timestamp.wrapping_add(1024);
        }
        depacketizer.gap(record.gap());
        let range = 0..record.payload.len();
        depacketizer.push(record.payload.to_vec(), range, timestamp, record.marker());
        take(&mut depacketizer);
    }
    depacketizer.flush();
    take(&mut depacketizer);
});
