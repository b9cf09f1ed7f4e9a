//! Every publisher, each seen by every player: H.264 with B-frames, and AAC beside it.

use rillcast_tests::Transport::{Tcp, Udp};
use rillcast_tests::audience::Allowance;
use rillcast_tests::clip::{self, AudioCodec, Clip};
use rillcast_tests::{ffmpeg, gstreamer};

use crate::{FFMPEG, everyone_sees};

/// GStreamer's MP4 reader leaves out the last AAC frame: padding, by the file's edit list.
const GSTREAMER: Allowance = Allowance { sound_at_end: 1, pictures_at_start: 0 };

#[test]
fn ffmpeg_over_tcp() {
    everyone_sees("ffmpeg_over_tcp", &clip::b_frames(), FFMPEG, |scene, clip, url| {
        ffmpeg::publish(scene, clip, Tcp, url)
    });
}

#[test]
fn ffmpeg_over_udp() {
    everyone_sees("ffmpeg_over_udp", &clip::b_frames(), FFMPEG, |scene, clip, url| {
        ffmpeg::publish(scene, clip, Udp, url)
    });
}

#[test]
fn gstreamer_over_tcp() {
    everyone_sees("gstreamer_over_tcp", &clip::b_frames(), GSTREAMER, |scene, clip, url| {
        gstreamer::publish(scene, clip, Tcp, url)
    });
}

#[test]
fn gstreamer_over_udp_with_latm() {
    let clip = Clip { audio: Some(AudioCodec::AacLatm), ..clip::b_frames() };
    everyone_sees("gstreamer_over_udp_with_latm", &clip, GSTREAMER, |scene, clip, url| {
        gstreamer::publish(scene, clip, Udp, url)
    });
}
