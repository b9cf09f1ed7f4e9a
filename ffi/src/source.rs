//! Sources: streams made of what the program has, RTP packets or encoded media.

use std::ffi::c_char;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use rillcast::engine::{PushError, RtpSource, Source as MediaSource};
use rillcast::media::aac;
use rillcast::media::h264::annex_b;
use rillcast::media::sdp::{Media, Session};

use crate::args::{self, Out, OutSized, Versioned};
use crate::boundary::guard_done;
use crate::engine::{Engine, Place, rill_engine};
use crate::failure::Failure;
use crate::frame::rill_span;
use crate::handle::{self, Table};
use crate::status::rill_status;
use crate::stream::session;
use crate::track::rill_codec;

/// What a stream is fed by: a handle, not to be followed.
///
/// For one thread at a time; which one may change. A source that another thread is using answers
/// RILL_ERROR_BUSY. It has packet buffers of its own, as many bytes as a stream (see `buffer_bytes` and
/// `total_buffer_bytes` of rill_engine_config).
pub struct rill_source {
    _private: (),
}

static SOURCES: Table<Source> = Table::new(0x55, "source");

struct Source {
    feed: Mutex<Feed>,
    _place: Place,
}

enum Feed {
    Rtp(RtpSource),
    Media { source: MediaSource, codecs: Vec<rill_codec> },
}

impl Source {
    fn of(source: *const rill_source) -> Result<Arc<Source>, Failure> {
        SOURCES.get(handle::number(source))
    }

    fn lock(&self) -> Result<MutexGuard<'_, Feed>, Failure> {
        match self.feed.try_lock() {
            Ok(guard) => Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Failure::busy("the source")),
        }
    }

    /// Pushes packets of RTP.
    fn push<'a>(
        &self,
        track: usize,
        packets: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Failure> {
        let mut feed = self.lock()?;
        let Feed::Rtp(source) = &mut *feed else {
            return Err(unfit("this source takes media, not RTP packets"));
        };
        let mut packets = packets;
        let pushed = packets.try_for_each(|packet| source.push(track, packet));
        // Those before one that was refused were taken.
        source.flush()?;
        Ok(pushed?)
    }
}

fn unfit(text: &str) -> Failure {
    Failure::new(rill_status::RILL_ERROR_UNSUPPORTED, text)
}

impl From<PushError> for Failure {
    fn from(error: PushError) -> Failure {
        let status = match error {
            PushError::NoTrack(track) => return Failure::no_track(track),
            PushError::TooLong(_) => rill_status::RILL_ERROR_ARGUMENT,
            PushError::NoRoom(_) => rill_status::RILL_ERROR_NO_BUFFER,
            PushError::Ended => rill_status::RILL_ERROR_NO_STREAM,
            PushError::Stopped => rill_status::RILL_ERROR_STOPPED,
            // As for errors of the engine.
            _ => rill_status::RILL_ERROR_INTERNAL,
        };
        Failure::new(status, error.to_string())
    }
}

/// A track that the program encodes. Fill it by rill_encoded_track_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_encoded_track {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// RILL_CODEC_H264 or RILL_CODEC_AAC.
    pub codec: i32,
    /// RTP payload type, 96 to 127; 0 takes 96 for the first track, 97 for the second ...
    pub payload_type: u32,
    /// What a decoder has to know first. H.264: parameter sets with start codes; may be NULL when they
    /// come before every key frame. AAC: AudioSpecificConfig, which must be there.
    pub extra: *const u8,
    /// Bytes of `extra`.
    pub extra_size: usize,
}

// SAFETY: numbers and a pointer only, the first of which is its size.
unsafe impl Versioned for rill_encoded_track {
    const FIRST: usize = 32;
}

/// Parameters that may go into a session description.
const MAX_EXTRA: usize = 64 << 10;

impl rill_encoded_track {
    /// # Safety
    ///
    /// `extra`: NULL, or `extra_size` bytes.
    unsafe fn media(&self, index: usize) -> Result<(Media, rill_codec), Failure> {
        const H264: i32 = rill_codec::RILL_CODEC_H264 as i32;
        const AAC: i32 = rill_codec::RILL_CODEC_AAC as i32;
        if self.extra_size > MAX_EXTRA {
            let text = format!("extra_size is {}, more than {MAX_EXTRA}", self.extra_size);
            return Err(Failure::argument(text));
        }
        // SAFETY: the caller's.
        let extra = unsafe { args::slice(self.extra, self.extra_size, "extra") }?;
        let payload_type = match self.payload_type {
            0 => u8::try_from(96 + index).unwrap_or(127).min(127),
            number @ 96..=127 => number as u8,
            other => {
                let text = format!("payload_type is {other}, not 96 to 127");
                return Err(Failure::argument(text));
            }
        };
        match self.codec {
            H264 => {
                let sets: Vec<&[u8]> = annex_b::nals(extra).collect();
                Ok((Media::h264(payload_type, &sets), rill_codec::RILL_CODEC_H264))
            }
            AAC => {
                let config = aac::Config::parse(extra).map_err(|error| {
                    Failure::argument(format!("extra is no AudioSpecificConfig: {error}"))
                })?;
                let channels = config.channels().unwrap_or(2).into();
                let rate = config.sample_rate;
                let media = Media::aac(payload_type, extra, rate, channels);
                Ok((media, rill_codec::RILL_CODEC_AAC))
            }
            other => Err(Failure::argument(format!("codec is {other}, not H.264 or AAC"))),
        }
    }
}

/// Zeroes a track and sets its size. Thread-safe.
///
/// @param track  the struct
/// @param size   sizeof(rill_encoded_track)
/// @return RILL_OK, or RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_encoded_track_init(
    track: *mut rill_encoded_track,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init_zero(track, size) })
}

/// A stream at `path` made of RTP packets that the program has: from sockets of its own, say.
/// Thread-safe.
///
/// @param engine  a running engine
/// @param path    the stream's path
/// @param sdp     the session description (SDP) of what will be pushed
/// @param out     the source; to be freed by rill_source_free(), which ends the stream
/// @return RILL_OK; RILL_ERROR_SDP; RILL_ERROR_PATH_TAKEN; RILL_ERROR_TOO_MANY when the engine has
///         `max_streams` streams, or as many sources that were not freed; RILL_ERROR_STOPPED
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_source_new_rtp(
    engine: *mut rill_engine,
    path: *const c_char,
    sdp: *const c_char,
    out: *mut *mut rill_source,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        // SAFETY: the caller's, both.
        let (path, sdp) = unsafe { (args::text(path, "path")?, args::text(sdp, "sdp")?) };
        let engine = Engine::of(engine)?;
        let place = engine.place()?;
        let source = engine.core()?.rtp_source(path, session(sdp)?)?;
        out.set(handle::pointer(insert(Feed::Rtp(source), place)?));
        Ok(())
    })
}

/// A stream at `path` made of H.264 access units and AAC frames that the program has encoded.
/// Thread-safe.
///
/// @param engine  a running engine
/// @param path    the stream's path
/// @param tracks  its tracks, all initialised alike
/// @param count   number of tracks, 1 to 16
/// @param out     the source; to be freed by rill_source_free(), which ends the stream
/// @return RILL_OK; RILL_ERROR_ARGUMENT; RILL_ERROR_PATH_TAKEN; RILL_ERROR_TOO_MANY, as
///         rill_source_new_rtp(); RILL_ERROR_STOPPED
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_source_new_media(
    engine: *mut rill_engine,
    path: *const c_char,
    tracks: *const rill_encoded_track,
    count: usize,
    out: *mut *mut rill_source,
) -> rill_status {
    const MAX_TRACKS: usize = 16;
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        // SAFETY: the caller's.
        let path = unsafe { args::text(path, "path") }?;
        if !(1..=MAX_TRACKS).contains(&count) {
            let text = format!("there are {count} tracks, not 1 to {MAX_TRACKS}");
            return Err(Failure::argument(text));
        }
        let (mut session, mut codecs) = (Session::new("Rillcast"), Vec::new());
        for index in 0..count {
            // SAFETY: the caller's: `count` structs, each as large as the first one says.
            let track = unsafe { args::element(tracks, index, "tracks") }?;
            // SAFETY: the caller's.
            let (media, codec) = unsafe { track.media(index) }?;
            session.media.push(media);
            codecs.push(codec);
        }
        let engine = Engine::of(engine)?;
        let place = engine.place()?;
        let source = engine.core()?.source(path, session)?;
        out.set(handle::pointer(insert(Feed::Media { source, codecs }, place)?));
        Ok(())
    })
}

fn insert(feed: Feed, place: Place) -> Result<u64, Failure> {
    SOURCES.insert(Arc::new(Source { feed: Mutex::new(feed), _place: place }))
}

/// Pushes one packet: RTP, or RTCP, told apart by their second byte (RFC 5761). It is copied, and sent
/// on at once. What is not RTP by its header is counted as dropped. Waits when the engine is more than a
/// thousand calls behind. For one thread at a time.
///
/// Several packets that came together are cheaper by rill_source_push_rtp_batch().
///
/// @param track  index of its track
/// @param data   the packet, header first
/// @param size   its bytes, at most 65,535
/// @return RILL_OK; RILL_ERROR_NO_TRACK; RILL_ERROR_NO_STREAM when its stream was ended (free the source);
///         RILL_ERROR_NO_BUFFER when packets found no buffer; RILL_ERROR_STOPPED; RILL_ERROR_BUSY;
///         RILL_ERROR_UNSUPPORTED when the source takes media
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_source_push_rtp(
    source: *mut rill_source,
    track: usize,
    data: *const u8,
    size: usize,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let packet = unsafe { args::slice(data, size, "data") }?;
        Source::of(source)?.push(track, std::iter::once(packet))
    })
}

/// Pushes packets of one track, as rill_source_push_rtp() does it for one. When one of them is refused,
/// those before it were taken. For one thread at a time.
///
/// @param track    index of their track
/// @param packets  an array of spans, one packet each: the layout of `struct iovec`
/// @param count    number of packets
/// @return as rill_source_push_rtp()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_source_push_rtp_batch(
    source: *mut rill_source,
    track: usize,
    packets: *const rill_span,
    count: usize,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let packets = unsafe { args::slice(packets, count, "packets") }?;
        for packet in packets {
            // SAFETY: the caller's.
            unsafe { args::slice(packet.data, packet.size, "a packet") }?;
        }
        let source = Source::of(source)?;
        // SAFETY: looked at just now.
        let bytes = |packet: &rill_span| unsafe {
            args::slice(packet.data, packet.size, "a packet").unwrap_or_default()
        };
        source.push(track, packets.iter().map(bytes))
    })
}

/// Pushes one frame: a whole H.264 access unit with start codes (annex B), or one AAC access unit
/// without ADTS header. It is packetised and sent on at once. Bytes before the first start code are passed over.
/// (Units with their lengths in front, as in MP4, are refused where they can be told; a length of 256 to 511 looks
/// like a start code.)
/// For one thread at a time.
///
/// @param track    index of its track
/// @param data     the frame
/// @param size     its bytes
/// @param time_ns  when it is to be shown, in ns on a clock that all tracks share; the first one's need
///                 not be 0. H.264 access units come in decoding order
/// @return RILL_OK; RILL_ERROR_ARGUMENT for H.264 without a start code; RILL_ERROR_NO_TRACK;
///         RILL_ERROR_NO_STREAM when its stream was ended (free the source); RILL_ERROR_NO_BUFFER when a
///         part of it found no buffer (make the next H.264 frame a key frame); RILL_ERROR_STOPPED;
///         RILL_ERROR_BUSY; RILL_ERROR_UNSUPPORTED when the source takes RTP
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_source_push_frame(
    source: *mut rill_source,
    track: usize,
    data: *const u8,
    size: usize,
    time_ns: u64,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let frame = unsafe { args::slice(data, size, "data") }?;
        let source = Source::of(source)?;
        let mut feed = source.lock()?;
        let Feed::Media { source, codecs } = &mut *feed else {
            return Err(unfit("this source takes RTP packets, not media"));
        };
        let time = Duration::from_nanos(time_ns);
        let written = match codecs.get(track).ok_or_else(|| Failure::no_track(track))? {
            rill_codec::RILL_CODEC_AAC => source.write_aac(track, frame, time),
            _ => {
                let nals: Vec<&[u8]> = annex_b::nals(frame).collect();
                if nals.is_empty() {
                    let text =
                        "there is no NAL unit in the frame: H.264 has a start code before each";
                    return Err(Failure::argument(text));
                }
                source.write_h264(track, &nals, time)
            }
        };
        Ok(written?)
    })
}

/// Frees a source; its stream ends. Thread-safe.
///
/// @param source  the source; NULL does nothing
/// @return RILL_OK; RILL_ERROR_HANDLE when it was freed before
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_source_free(source: *mut rill_source) -> rill_status {
    guard_done(|| {
        if !source.is_null() {
            SOURCES.remove(handle::number(source))?;
        }
        Ok(())
    })
}

/// Whether a player has asked for a key frame of a track (RTCP PLI or FIR, at most twice a second) since this
/// was asked last: an encoder makes one then. For one thread at a time.
///
/// @param track   its index, from 0
/// @param wanted  1 or 0; 0 also for a track that there is not
/// @return RILL_OK; RILL_ERROR_BUSY
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_source_key_frame_wanted(
    source: *mut rill_source,
    track: usize,
    wanted: *mut i32,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(wanted, "wanted") }?;
        out.set(i32::from(match &*Source::of(source)?.lock()? {
            Feed::Rtp(source) => source.key_frame_wanted(track),
            Feed::Media { source, .. } => source.key_frame_wanted(track),
        }));
        Ok(())
    })
}
