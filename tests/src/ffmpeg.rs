//! Publishers and players by ffmpeg.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Transport;
use crate::clip::Clip;
use crate::process::{self, Process};
use crate::scene::Scene;

/// An option of an input: give all samples that an audio frame decodes to. A file says of some of
/// them, at the beginning and the end, that they are padding; a live stream cannot.
pub const WHOLE_SOUND: [&str; 2] = ["-flags2", "+skip_manual"];

/// `ffmpeg` that reads no keyboard and says nothing but warnings.
pub fn command() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "warning"]);
    command
}

/// What a player's socket is asked to hold, in bytes: all that comes while the player is not running
/// for a while, a key frame and more. The kernel gives less when `net.core.rmem_max` is less.
pub const SOCKET_BUFFER: &str = "4194304";

/// The first line of `ffmpeg -version`.
///
/// # Panics
/// When there is no ffmpeg.
pub fn version() -> String {
    let mut command = Command::new("ffmpeg");
    command.arg("-version");
    process::output(command).lines().next().unwrap_or_default().to_owned()
}

/// Adds an output that hashes each decoded picture, at the size and in the format it was coded in.
pub fn hash_pictures(command: &mut Command, file: &Path) {
    command
        .args("-map 0:v -fps_mode passthrough -autoscale 0 -f framehash -hash md5".split(' '))
        .arg(file);
}

/// Adds an output that hashes the samples of each decoded audio frame. Floating point is what the
/// decoders make; any conversion to integers would round in a way of its own.
pub fn hash_sound(command: &mut Command, file: &Path) {
    command.args("-map 0:a -c:a pcm_f32le -f framehash -hash sha256".split(' ')).arg(file);
}

/// Adds an output that hashes each audio frame as it is coded.
pub fn hash_sound_packets(command: &mut Command, file: &Path) {
    command.args("-map 0:a -c:a copy -f framehash -hash sha160".split(' ')).arg(file);
}

/// For each picture of a file, in the order of display, whether a player may start at it.
///
/// # Panics
/// When the file cannot be read.
pub fn key_pictures(file: &Path) -> Vec<bool> {
    let mut command = Command::new("ffprobe");
    command
        .args("-v error -select_streams v -show_entries packet=pts,flags -of csv=p=0".split(' '));
    command.arg(file);
    let lines = process::output(command);
    let packets = lines.lines().filter_map(|line| line.split_once(','));
    // Raw H.264 has no times, and none of ours has pictures out of order.
    let mut pictures: Vec<(Option<i64>, bool)> =
        packets.map(|(pts, flags)| (pts.parse().ok(), flags.starts_with('K'))).collect();
    pictures.sort_by_key(|(pts, _)| *pts);
    pictures.into_iter().map(|(_, key)| key).collect()
}

/// A publisher that pushes a clip to the URL in real time.
pub fn publish(scene: &Scene, clip: &Clip, transport: Transport, url: &str) -> Process {
    let mut command = command();
    command.arg("-re").arg("-i").arg(&clip.file).args(["-map", "0", "-c", "copy"]);
    command.args(["-f", "rtsp", "-rtsp_transport", transport.name(), url]);
    Process::start(scene, "publisher", command)
}

/// A player and the files it writes hashes to.
#[derive(Debug)]
pub struct Player {
    /// The program.
    pub process: Process,
    /// Hashes of the decoded pictures.
    pub pictures: PathBuf,
    /// Hashes of the decoded audio frames.
    pub sound: PathBuf,
    /// Hashes of the audio frames as they came.
    pub sound_packets: PathBuf,
}

/// A player of the URL that decodes and hashes what it receives.
pub fn play(scene: &Scene, name: &str, clip: &Clip, transport: Transport, url: &str) -> Player {
    let mut command = command();
    command.args(["-y", "-rtsp_transport", transport.name()]);
    if transport == Transport::Udp {
        // The player's own socket has to hold a key frame while the player is not running.
        command.args(["-buffer_size", SOCKET_BUFFER]);
    }
    command.args(["-i", url]);
    let file = |what: &str| scene.file(&format!("{name}.{what}"));
    let (pictures, sound, packets) = (file("pictures"), file("sound"), file("packets"));
    hash_pictures(&mut command, &pictures);
    if clip.audio.is_some() {
        hash_sound(&mut command, &sound);
        hash_sound_packets(&mut command, &packets);
    }
    let process = Process::start(scene, name, command);
    Player { process, pictures, sound, sound_packets: packets }
}

/// Writes the SDP that describes a clip sent as plain RTP to these ports, one for each track.
///
/// # Panics
/// When ffmpeg cannot do so.
pub fn describe_rtp(clip: &Clip, ports: &[u16], sdp: &Path) {
    let mut command = command();
    command.args(["-y", "-t", "0.2", "-i"]).arg(&clip.file);
    to_ports(&mut command, ports);
    command.arg("-sdp_file").arg(sdp);
    process::output(command);
}

/// A publisher that sends a clip in real time as plain RTP to these ports, one for each track.
pub fn send_rtp(scene: &Scene, clip: &Clip, ports: &[u16]) -> Process {
    let mut command = command();
    command.arg("-re").arg("-i").arg(&clip.file);
    to_ports(&mut command, ports);
    // It prints its SDP.
    command.args(["-sdp_file"]).arg(scene.file("publisher.sdp"));
    Process::start(scene, "publisher", command)
}

fn to_ports(command: &mut Command, ports: &[u16]) {
    for (track, port) in ports.iter().enumerate() {
        command.args(["-map", &format!("0:{track}"), "-c", "copy", "-f", "rtp"]);
        command.arg(format!("rtp://127.0.0.1:{port}"));
    }
}
