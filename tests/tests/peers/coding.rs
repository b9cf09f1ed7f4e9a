//! Every way of coding that asks something of a relay, each seen by every player.

use rillcast_tests::Transport::Tcp;
use rillcast_tests::audience::Allowance;
use rillcast_tests::{clip, ffmpeg};

use crate::everyone_sees;

#[test]
fn several_slices_a_picture() {
    everyone_sees(
        "several_slices_a_picture",
        &clip::slices(),
        Allowance::default(),
        |s, c, url| ffmpeg::publish(s, c, Tcp, url),
    );
}

#[test]
fn key_frames_over_200_kib() {
    everyone_sees(
        "key_frames_over_200_kib",
        &clip::large_key_frames(),
        Allowance::default(),
        |s, c, url| ffmpeg::publish(s, c, Tcp, url),
    );
}

#[test]
fn intra_refresh() {
    // Who starts at a recovery point has the whole picture a period later.
    let allowance = Allowance { pictures_at_start: 26, ..Allowance::default() };
    everyone_sees("intra_refresh", &clip::intra_refresh(), allowance, |s, c, url| {
        ffmpeg::publish(s, c, Tcp, url)
    });
}

#[test]
fn size_changes_in_mid_stream() {
    everyone_sees(
        "size_changes_in_mid_stream",
        &clip::changing_size(),
        Allowance::default(),
        |s, c, url| ffmpeg::publish(s, c, Tcp, url),
    );
}

#[test]
fn h265_and_opus_pass_through() {
    everyone_sees(
        "h265_and_opus_pass_through",
        &clip::h265_opus(),
        Allowance::default(),
        |s, c, url| ffmpeg::publish(s, c, Tcp, url),
    );
}
