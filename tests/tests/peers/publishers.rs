//! Every publisher, each seen by every player: H.264 with B-frames, and AAC beside it.

use rillcast_tests::Transport::{self, Tcp, Udp};
use rillcast_tests::audience::Allowance;
use rillcast_tests::clip::{self, AudioCodec, Clip};
use rillcast_tests::{ffmpeg, gstreamer};

use crate::{CLIP, FFMPEG, everyone_sees, everyone_sees_until};

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
    gstreamer("gstreamer_over_tcp", &clip::b_frames(), Tcp);
}

#[test]
fn gstreamer_over_udp_with_latm() {
    let clip = Clip { audio: Some(AudioCodec::AacLatm), ..clip::b_frames() };
    gstreamer("gstreamer_over_udp_with_latm", &clip, Udp);
}

fn gstreamer(name: &str, clip: &Clip, transport: Transport) {
    let publish = |scene: &_, clip: &_, url: &_| gstreamer::publish(scene, clip, transport, url);
    everyone_sees_until(name, clip, GSTREAMER, publish, |p| gstreamer::finish(p, CLIP));
}
