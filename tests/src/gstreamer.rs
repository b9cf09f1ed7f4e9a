//! Publishers and players by GStreamer.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::Transport;
use crate::clip::{AudioCodec, Clip, VideoCodec};
use crate::ffmpeg;
use crate::process::Process;
use crate::scene::Scene;

/// A publisher (`rtspclientsink`) that pushes a clip to the URL in real time.
pub fn publish(scene: &Scene, clip: &Clip, transport: Transport, url: &str) -> Process {
    let mut pipeline = vec![
        format!("filesrc location={} ! {}", clip.file.display(), demuxer(clip)),
        format!("demux.video_0 ! queue ! {} ! clocksync ! sink.", parser(clip.video)),
    ];
    match clip.audio {
        Some(AudioCodec::Aac | AudioCodec::AacLatm) => {
            pipeline.push("demux.audio_0 ! queue ! aacparse ! clocksync ! sink.".into());
        }
        Some(AudioCodec::Opus) => {
            pipeline.push("demux.audio_0 ! queue ! opusparse ! clocksync ! sink.".into());
        }
        None => {}
    }
    pipeline
        .push(format!("rtspclientsink name=sink location={url} protocols={}", transport.name()));
    pipeline.extend(unchecked(url));
    let mut command = launch(&pipeline);
    if clip.audio == Some(AudioCodec::Aac) {
        // Left alone it takes RFC 3016 (LATM) for AAC rather than RFC 3640.
        command.env("GST_PLUGIN_FEATURE_RANK", "rtpmp4apay:NONE");
    }
    Process::start(scene, "publisher", command)
}

/// Waits until a publisher of [`publish`] has sent all and ended.
///
/// Now and then `rtspclientsink` has sent all over TCP, and does not say so: one of its two tracks
/// is at the end, and the end of the other is lost inside (seen with other servers too). It is asked
/// to leave then. Had it not sent all, the players' last pictures would be missing.
///
/// # Panics
/// When it does not end, or not well.
pub fn finish(publisher: &mut Process, clip: Duration) {
    if publisher.wait(clip).is_none() {
        publisher.signal("INT");
    }
    let ended = publisher.ended_well(Duration::from_secs(20));
    let complaints = complaints(&publisher.log(), &publisher.log());
    if let Err(text) = ended
        && (publisher.is_running() || !complaints.is_empty())
    {
        panic!("{} {text}", publisher.name());
    }
}

/// The errors and warnings among what a program has said, but for one: at the end of a stream over
/// TCP, GStreamer's clients now and then interrupt their own PAUSE, then say TEARDOWN and hang up in
/// good order (seen on the wire), but call it an error and end with exit code 1. So they do when the server
/// has ended, as it was told to, before they come to say it.
fn complaints(output: &str, errors: &str) -> String {
    let parting = ["_pause ()", "gst_rtspsrc_close ()"];
    if has_seen_the_end(output) && parting.iter().any(|step| errors.contains(step)) {
        return String::new();
    }
    let complaint = |line: &str| line.starts_with("ERROR") || line.starts_with("WARN");
    match errors.lines().any(complaint) {
        true => errors.to_owned(),
        false => String::new(),
    }
}

fn has_seen_the_end(output: &str) -> bool {
    output.contains("Got EOS from element")
}

/// A player (`rtspsrc`) and the file it writes hashes to.
#[derive(Debug)]
pub struct Player {
    /// The program.
    pub process: Process,
    /// Hashes: MD5 of the decoded pictures, SHA-1 of the audio frames as they came, SHA-256 of
    /// what AAC decodes to.
    pub hashes: PathBuf,
}

impl Player {
    /// What it complains of.
    pub fn complaints(&self) -> String {
        complaints(&self.output(), &self.process.log())
    }

    /// Whether it was told of the stream's end, and did not just break off.
    pub fn has_seen_the_end(&self) -> bool {
        has_seen_the_end(&self.output())
    }

    fn output(&self) -> String {
        std::fs::read_to_string(&self.hashes).unwrap_or_default()
    }
}

/// A player of the URL that decodes and hashes what it receives.
pub fn play(scene: &Scene, name: &str, clip: &Clip, transport: Transport, url: &str) -> Player {
    let decoder = match clip.video {
        VideoCodec::H264 => "rtph264depay ! h264parse ! avdec_h264",
        VideoCodec::H265 => "rtph265depay ! h265parse ! avdec_h265",
    };
    let mut pipeline = vec![
        format!("rtspsrc name=source location={url} protocols={}", transport.name()),
        format!("udp-buffer-size={}", ffmpeg::SOCKET_BUFFER),
    ];
    pipeline.extend(unchecked(url));
    pipeline.push(format!("source. ! {decoder} ! checksumsink hash=md5 sync=false"));
    if let Some(audio) = clip.audio {
        let depacketizer = match audio {
            AudioCodec::Aac => "rtpmp4gdepay",
            AudioCodec::AacLatm => "rtpmp4adepay",
            AudioCodec::Opus => "rtpopusdepay",
        };
        pipeline.push(format!("source. ! {depacketizer} ! tee name=sound"));
        pipeline.push("sound. ! queue ! checksumsink hash=sha1 sync=false".into());
        if audio != AudioCodec::Opus {
            pipeline.push(
                "sound. ! queue ! aacparse ! avdec_aac ! audioconvert \
                 ! audio/x-raw,format=F32LE,layout=interleaved ! checksumsink hash=sha256 sync=false"
                    .into(),
            );
        }
    }
    let hashes = scene.file(&format!("{name}.hashes"));
    let process = Process::with_output(scene, name, launch(&pipeline), Some(&hashes));
    Player { process, hashes }
}

fn launch(pipeline: &[String]) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    command.args(pipeline.iter().flat_map(|part| part.split_whitespace()));
    command
}

/// The property that leaves a TLS server's certificate unchecked.
fn unchecked(url: &str) -> Option<String> {
    url.starts_with("rtsps:").then(|| "tls-validation-flags=0".to_owned())
}

fn demuxer(clip: &Clip) -> &'static str {
    match clip.file.extension().and_then(|x| x.to_str()) {
        Some("mkv") => "matroskademux name=demux",
        _ => "qtdemux name=demux",
    }
}

fn parser(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "h264parse",
        VideoCodec::H265 => "h265parse",
    }
}
