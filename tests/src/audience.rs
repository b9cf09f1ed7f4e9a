//! The players of one stream, and what is asked of them.

use std::thread;
use std::time::Duration;

use crate::Transport::{self, Tcp, Udp};
use crate::clip::{AudioCodec, Clip};
use crate::judge::{self, Rule};
use crate::process::Process;
use crate::scene::Scene;
use crate::{ffmpeg, gstreamer};
use Program::{Ffmpeg, GStreamer};

/// A player has to end by itself when its stream has ended. GStreamer keeps two seconds of the
/// stream back, by its default latency, and shows them first.
const TO_THE_END: Duration = Duration::from_secs(10);

/// An RTP packet of 1,400 bytes holds at most so many AAC frames of the clips.
pub const AAC_FRAMES_IN_A_PACKET: usize = 6;

/// What a publisher or a coding makes unavoidable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    /// Pictures that a decoder needs to come into step. ffmpeg keeps them back, GStreamer shows
    /// them as they are.
    pub pictures_at_start: usize,
    /// Audio frames that the publisher itself does not send at the end.
    pub sound_at_end: usize,
}

/// The programs a stream is played by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// ffmpeg's RTSP client.
    Ffmpeg,
    /// GStreamer's `rtspsrc`.
    GStreamer,
}

#[derive(Debug)]
enum Player {
    Ffmpeg(ffmpeg::Player),
    GStreamer(gstreamer::Player),
}

/// Players of one stream that run at the same time.
#[derive(Debug, Default)]
pub struct Audience {
    players: Vec<Player>,
}

impl Audience {
    /// ffmpeg and GStreamer, over TCP and over UDP: two of them start at once, the other two in the
    /// middle of the clip.
    pub fn everyone(scene: &Scene, clip: &Clip, url: &str) -> Audience {
        let mut audience = Audience::default();
        audience.join(scene, "play", clip, url, Ffmpeg, Tcp);
        audience.join(scene, "play", clip, url, GStreamer, Udp);
        wait_for_the_middle();
        audience.join(scene, "play-late", clip, url, Ffmpeg, Udp);
        audience.join(scene, "play-late", clip, url, GStreamer, Tcp);
        audience
    }

    /// Starts one more. Its log is named `NAME-PROGRAM-TRANSPORT`.
    pub fn join(
        &mut self,
        scene: &Scene,
        name: &str,
        clip: &Clip,
        url: &str,
        program: Program,
        transport: Transport,
    ) {
        let name = format!("{name}-{program:?}-{}", transport.name()).to_lowercase();
        self.players.push(match program {
            Ffmpeg => Player::Ffmpeg(ffmpeg::play(scene, &name, clip, transport, url)),
            GStreamer => Player::GStreamer(gstreamer::play(scene, &name, clip, transport, url)),
        });
    }

    /// Waits until every player has ended by itself, and compares what each has shown with the
    /// clip. To be called when the stream has ended.
    ///
    /// # Panics
    /// When a player does not end, ends with an error, has warned of anything, or has not shown
    /// what the clip holds; the text lists what every player did.
    pub fn judge(mut self, clip: &Clip, allowance: Allowance) {
        let mut report = Vec::new();
        let mut failed = false;
        for player in &mut self.players {
            let (name, mut verdicts) = player.end();
            verdicts.extend(Shown::by(player).judge(clip, allowance));
            for verdict in verdicts {
                failed |= verdict.is_err();
                report.push(match verdict {
                    Ok(text) => format!("  good  {name}: {text}"),
                    Err(text) => format!("  BAD   {name}: {text}"),
                });
            }
        }
        let report = report.join("\n");
        assert!(!failed, "not every player has shown what was published:\n{report}");
        println!("{report}");
    }
}

/// Lets some of a clip pass before a late player comes. Nothing depends on how much of it, so that
/// there is no event to wait for.
pub fn wait_for_the_middle() {
    thread::sleep(Duration::from_millis(2_300));
}

type Verdict = Result<String, String>;

impl Player {
    /// Waits until the program has ended by itself; its name, and whether it has done so well.
    fn end(&mut self) -> (String, Vec<Verdict>) {
        let (ended, said) = match self {
            Player::Ffmpeg(player) => {
                let ended = player.process.ended_well(TO_THE_END);
                // What the writer of the hashes thinks of the times is no matter of the decoder:
                // GStreamer's sender reports move the clock by some milliseconds each time.
                let said = player.process.log();
                let of_decoder = said.lines().filter(|line| !line.starts_with("[framehash"));
                (ended, of_decoder.collect::<Vec<_>>().join("\n"))
            }
            Player::GStreamer(player) => {
                let ended = match player.process.ended_well(TO_THE_END) {
                    Err(_) if !player.process.is_running() && player.complaints().is_empty() => {
                        Ok(())
                    }
                    Ok(()) if !player.has_seen_the_end() => Err("has not seen the end".to_owned()),
                    ended => ended,
                };
                (ended, player.complaints())
            }
        };
        let warned = match said.trim() {
            "" => Ok("no warning".to_owned()),
            text => Err(format!("warned:\n{text}")),
        };
        (self.process().name().to_owned(), vec![ended.map(|()| "ended by itself".into()), warned])
    }

    fn process(&self) -> &Process {
        match self {
            Player::Ffmpeg(player) => &player.process,
            Player::GStreamer(player) => &player.process,
        }
    }
}

/// What a player has shown: hashes.
struct Shown {
    program: Program,
    pictures: Vec<String>,
    packets: Vec<String>,
    sound: Vec<String>,
}

impl Shown {
    fn by(player: &Player) -> Shown {
        match player {
            Player::Ffmpeg(player) => Shown {
                program: Ffmpeg,
                pictures: judge::frame_hashes(&player.pictures),
                packets: judge::frame_hashes(&player.sound_packets),
                sound: judge::frame_hashes(&player.sound),
            },
            Player::GStreamer(player) => Shown {
                program: GStreamer,
                pictures: judge::checksums(&player.hashes, 32),
                packets: judge::checksums(&player.hashes, 40),
                sound: judge::checksums(&player.hashes, 64),
            },
        }
    }

    fn judge(&self, clip: &Clip, allowance: Allowance) -> Vec<Verdict> {
        let pictures = match self.program {
            Ffmpeg if allowance.pictures_at_start > 0 => Rule { keys: None, ..PICTURES },
            _ => Rule { keys: Some(&clip.keys), warm_up: allowance.pictures_at_start, ..PICTURES },
        };
        let mut verdicts = vec![judged(&clip.pictures, &self.pictures, pictures)];
        let Some(audio) = clip.audio else { return verdicts };
        let sound = Rule { missing_at_end: allowance.sound_at_end, ..SOUND };
        // GStreamer's LATM depacketizer leaves filling bits behind the AAC frames.
        if (self.program, audio) != (GStreamer, AudioCodec::AacLatm) {
            let rule = Rule { what: "audio frames", ..sound };
            verdicts.push(judged(&clip.sound_packets, &self.packets, rule));
        }
        // Two decoders of Opus that began at different frames never come to agree in every bit.
        if audio != AudioCodec::Opus {
            let warm_up = match self.program {
                // The first frame of a decoder overlaps with one that it has not got.
                Ffmpeg => 1,
                // It takes every AAC frame of the first packet for a new beginning.
                GStreamer => AAC_FRAMES_IN_A_PACKET,
            };
            verdicts.push(judged(&clip.sound, &self.sound, Rule { warm_up, ..sound }));
        }
        verdicts
    }
}

/// A second of pictures at least: less is no test.
const PICTURES: Rule<'static> =
    Rule { what: "pictures", keys: None, warm_up: 0, missing_at_end: 0, at_least: 25 };

/// And about as much sound.
const SOUND: Rule<'static> =
    Rule { what: "decoded sound", keys: None, warm_up: 0, missing_at_end: 0, at_least: 40 };

fn judged(source: &[String], received: &[String], rule: Rule<'_>) -> Verdict {
    let shown = judge::compare(source, received, rule)?;
    Ok(format!(
        "{} {} to {} of {}",
        rule.what,
        shown.first,
        shown.first + shown.count,
        source.len()
    ))
}
