//! A reader takes no memory in the steady state: not one allocation for a frame, or a run of packets, from
//! rill_reader_next() to rill_frame_release().

#[path = "../../../bench/tests/allocations/counting.rs"]
mod counting;

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use rillcast_ffi::*;
use rillcast_loopback::{Frames, Load, PACKET, Transport};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const SDP: &CStr = c"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n";
/// Of a codec that is not read.
const OTHER: &CStr = c"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 JPEG/90000\r\n";

/// Pushes frames, and reads each when it is there. Returns how much was read, and the allocations of this thread in
/// the calls that read, without those of the first frames.
fn read(sdp: &CStr, format: rill_format) -> (usize, u64, String) {
    const FRAMES: usize = 400;
    const WARM_UP: usize = 100;
    let load = Load {
        streams: 1,
        children: 0,
        stalled: 0,
        transport: Transport::Udp,
        bitrate: 2_000_000,
        fps: 30,
        gro: false,
        duration: Duration::ZERO,
    };
    let mut frames = Frames::new(&load, Instant::now());
    let per_frame = load.packets_per_frame();
    let (mut engine, mut source, mut reader) =
        (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
    let mut config = MaybeUninit::<rill_reader_config>::uninit();
    // SAFETY: texts, outputs and sizes are as the header wants them.
    unsafe {
        assert_eq!(rill_engine_new(std::ptr::null(), &mut engine), rill_status::RILL_OK);
        assert_eq!(rill_engine_start(engine), rill_status::RILL_OK);
        let made = rill_source_new_rtp(engine, c"a".as_ptr(), sdp.as_ptr(), &mut source);
        assert_eq!(made, rill_status::RILL_OK);
        rill_reader_config_init(config.as_mut_ptr(), size_of::<rill_reader_config>());
        (*config.as_mut_ptr()).format = format as i32;
        let made = rill_reader_new(engine, c"a".as_ptr(), config.as_ptr(), &mut reader);
        assert_eq!(made, rill_status::RILL_OK);
    }
    // SAFETY: the call takes nothing and cannot fail.
    let thread = unsafe { libc::gettid() };
    let (mut bytes, mut allocations, mut sizes) = (0, 0, String::new());
    for number in 0..FRAMES {
        let spans: Vec<rill_span> = frames
            .write()
            .chunks_exact(PACKET)
            .map(|packet| rill_span { data: packet.as_ptr(), size: packet.len() })
            .collect();
        // SAFETY: the spans are of packets that live until the call returns.
        let pushed = unsafe { rill_source_push_rtp_batch(source, 0, spans.as_ptr(), spans.len()) };
        assert_eq!(pushed, rill_status::RILL_OK);
        let mut packets = 0;
        while packets < per_frame {
            let mut frame = MaybeUninit::<rill_frame>::uninit();
            if number >= WARM_UP {
                counting::watch(thread);
            }
            // SAFETY: a reader of this thread, and room for a frame.
            let status = unsafe { rill_reader_next(reader, 30_000, frame.as_mut_ptr()) };
            assert_eq!(status, rill_status::RILL_OK, "{format:?}, frame {number}");
            // SAFETY: written, as the call has succeeded.
            let mut frame = unsafe { frame.assume_init() };
            bytes += frame.size;
            packets += match format {
                rill_format::RILL_FORMAT_RTP => frame.span_count,
                _ => per_frame,
            };
            // SAFETY: the frame was lent just now.
            assert_eq!(unsafe { rill_frame_release(&mut frame) }, rill_status::RILL_OK);
            if number >= WARM_UP {
                let (count, seen) = counting::stop();
                allocations += count;
                sizes.push_str(if count > 0 { &seen } else { "" });
            }
        }
    }
    // SAFETY: handles that were made above, each freed once.
    unsafe {
        assert_eq!(rill_reader_free(reader), rill_status::RILL_OK);
        assert_eq!(rill_source_free(source), rill_status::RILL_OK);
        assert_eq!(rill_engine_free(engine), rill_status::RILL_OK);
    }
    (bytes, allocations, sizes)
}

/// One test, since only one thread is watched at a time.
#[test]
fn reading_allocates_nothing() {
    for (sdp, format) in [
        (SDP, rill_format::RILL_FORMAT_ANNEX_B),
        (SDP, rill_format::RILL_FORMAT_AVCC),
        (OTHER, rill_format::RILL_FORMAT_ANNEX_B),
        (SDP, rill_format::RILL_FORMAT_RTP),
    ] {
        let (bytes, allocations, sizes) = read(sdp, format);
        assert!(bytes > 1_000_000, "{format:?}: only {bytes} bytes were read");
        assert_eq!(allocations, 0, "{format:?}, sizes {sizes}");
    }
}
