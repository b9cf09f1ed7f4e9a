//! The films that are published. ffmpeg makes each of them once and keeps it in `target/clips`,
//! together with the hashes of every frame it decodes to.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ffmpeg;
use crate::judge;
use crate::process;
use crate::scene::target_dir;

/// A film, and what its frames are.
#[derive(Debug)]
pub struct Clip {
    /// The file: MP4, Matroska or raw H.264, by its extension.
    pub file: PathBuf,
    /// How the pictures are coded.
    pub video: VideoCodec,
    /// How the sound is coded, if there is any.
    pub audio: Option<AudioCodec>,
    /// The hash of each decoded picture, in the order in which they are shown.
    pub pictures: Vec<String>,
    /// For each of the pictures whether a player may start at it.
    pub keys: Vec<bool>,
    /// The hash of the samples that each audio frame decodes to.
    pub sound: Vec<String>,
    /// The hash of each audio frame as it is coded.
    pub sound_packets: Vec<String>,
}

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264, which the server takes apart.
    H264,
    /// H.265, which it passes through.
    H265,
}

/// How sound is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioCodec {
    /// AAC-LC as RFC 3640 sends it, which the server takes apart.
    Aac,
    /// AAC-LC as RFC 3016 sends it, which the server passes through.
    AacLatm,
    /// Opus, which it passes through.
    Opus,
}

/// What a clip is made of.
#[derive(Debug, Hash)]
struct Recipe {
    name: &'static str,
    extension: &'static str,
    /// The input pictures, as a filter of ffmpeg's `lavfi`. Several are put one behind the other.
    pictures: &'static [&'static str],
    /// Length of each input, in seconds.
    seconds: u32,
    /// Options of the video encoder.
    video: &'static str,
    /// Options of the audio encoder; no sound when empty.
    audio: &'static str,
}

// AAC without perceptual noise substitution: it makes the decoder draw random numbers, and then two
// decoders agree only when they started at the same frame.
const AAC: &str = "-c:a aac -aac_pns 0 -ac 2 -ar 44100 -b:a 96k";
const SMALL: &[&str] = &["testsrc2=size=320x240:rate=25"];
const GOP_OF_A_SECOND: &str = "-g 25 -keyint_min 25 -sc_threshold 0";

/// H.264 High with B-frames that are references themselves, and AAC beside it.
pub fn b_frames() -> Clip {
    make(&Recipe {
        name: "b-frames",
        extension: "mp4",
        pictures: SMALL,
        seconds: 7,
        video: "-c:v libx264 -preset medium -bf 3 -b_strategy 0 -b:v 600k",
        audio: AAC,
    })
}

/// Eight slices a picture.
pub fn slices() -> Clip {
    make(&Recipe {
        name: "slices",
        extension: "mp4",
        pictures: &["testsrc2=size=640x480:rate=25"],
        seconds: 7,
        video: "-c:v libx264 -preset veryfast -bf 0 -slices 8",
        audio: "",
    })
}

/// 1080p whose key frames are larger than 200 KiB: grain that stands still costs bits in them only.
/// Ten pictures a second, as four players decode them at once; and long, as ffmpeg reads twenty
/// pictures before it shows the first, then needs a while to come up with the stream again.
pub fn large_key_frames() -> Clip {
    make(&Recipe {
        name: "large-key-frames",
        extension: "mp4",
        pictures: &["testsrc2=size=1920x1080:rate=10,noise=alls=14"],
        seconds: 9,
        video: "-c:v libx264 -preset superfast -bf 0 -qp 34",
        audio: "",
    })
}

/// One IDR at the beginning and none after it: the picture is renewed column by column, and
/// recovery points say where a decoder may start.
pub fn intra_refresh() -> Clip {
    make(&Recipe {
        name: "intra-refresh",
        extension: "mp4",
        pictures: SMALL,
        seconds: 7,
        video: "-c:v libx264 -preset medium -bf 0 -refs 1 -x264-params intra-refresh=1",
        audio: "",
    })
}

/// Three sizes of picture one after the other, each with its parameter sets in the stream.
pub fn changing_size() -> Clip {
    make(&Recipe {
        name: "changing-size",
        extension: "264",
        pictures: &[
            "testsrc2=size=320x240:rate=25",
            "testsrc2=size=640x352:rate=25",
            "testsrc2=size=320x240:rate=25,hue=h=90",
        ],
        seconds: 3,
        video: "-c:v libx264 -preset medium -bf 0",
        audio: "",
    })
}

/// H.265 and Opus, neither of which the server looks into.
pub fn h265_opus() -> Clip {
    make(&Recipe {
        name: "h265-opus",
        extension: "mkv",
        pictures: SMALL,
        seconds: 7,
        video: "-c:v libx265 -preset ultrafast -x265-params \
                keyint=25:min-keyint=25:open-gop=0:scenecut=0:repeat-headers=1:log-level=error",
        audio: "-c:a libopus -ac 2 -ar 48000 -b:a 64k",
    })
}

/// Makes the clip, or finds it made before by the same recipe and the same ffmpeg.
fn make(recipe: &Recipe) -> Clip {
    let root = target_dir().join("clips");
    fs::create_dir_all(&root).unwrap_or_else(|e| panic!("cannot make {}: {e}", root.display()));
    // One test at a time, whether tests are threads or processes.
    let lock = File::create(root.join("lock")).expect("a lock file among the clips");
    lock.lock().expect("the lock of the clips");

    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    ffmpeg::version().hash(&mut hasher);
    let dir = root.join(format!("{}-{:016x}", recipe.name, hasher.finish()));
    let file = dir.join(format!("clip.{}", recipe.extension));
    if !dir.join("complete").exists() {
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("cannot make {}: {e}", dir.display()));
        encode(recipe, &file);
        describe(recipe, &dir, &file);
        fs::write(dir.join("complete"), "").expect("a mark that the clip is complete");
    }
    read(recipe, &dir, file)
}

fn encode(recipe: &Recipe, file: &Path) {
    let mut command = ffmpeg::command();
    command.arg("-y");
    for pictures in recipe.pictures {
        command.args(["-t", &recipe.seconds.to_string(), "-f", "lavfi", "-i", pictures]);
    }
    if recipe.pictures.len() == 1 {
        command.args(["-t", &recipe.seconds.to_string()]);
        // A tone that changes all the time, so that no two frames of it are alike.
        command.args(["-f", "lavfi", "-i", "aevalsrc=0.3*sin(2*PI*t*(300+40*t)):s=48000"]);
        encoding(&mut command, recipe);
        command.arg(file);
        process::output(command);
        return;
    }
    // Each input becomes a stream of its own, with parameter sets of its own.
    let mut parts = Vec::new();
    for index in 0..recipe.pictures.len() {
        let part = file.with_extension(format!("{index}.{}", recipe.extension));
        command.args(["-map", &format!("{index}:v")]);
        encoding(&mut command, recipe);
        command.arg(&part);
        parts.push(part);
    }
    process::output(command);
    let bytes: Vec<u8> =
        parts.iter().flat_map(|p| fs::read(p).expect("a part of the clip")).collect();
    fs::write(file, bytes).expect("the parts of the clip put together");
}

fn encoding(command: &mut Command, recipe: &Recipe) {
    command.args(["-threads", "2", "-pix_fmt", "yuv420p"]);
    command.args(GOP_OF_A_SECOND.split_whitespace());
    command.args(recipe.video.split_whitespace());
    if recipe.audio.is_empty() {
        command.arg("-an");
    } else {
        command.args(recipe.audio.split_whitespace());
    }
}

/// Writes down what the clip decodes to.
fn describe(recipe: &Recipe, dir: &Path, file: &Path) {
    let mut command = ffmpeg::command();
    command.arg("-y").args(ffmpeg::WHOLE_SOUND).arg("-i").arg(file);
    ffmpeg::hash_pictures(&mut command, &dir.join("pictures"));
    if !recipe.audio.is_empty() {
        ffmpeg::hash_sound(&mut command, &dir.join("sound"));
        ffmpeg::hash_sound_packets(&mut command, &dir.join("sound-packets"));
    }
    process::output(command);
}

fn read(recipe: &Recipe, dir: &Path, file: PathBuf) -> Clip {
    let hashes = |name: &str| judge::frame_hashes(&dir.join(name));
    let has_audio = !recipe.audio.is_empty();
    Clip {
        video: if recipe.video.contains("libx265") { VideoCodec::H265 } else { VideoCodec::H264 },
        audio: match has_audio {
            false => None,
            true if recipe.audio.contains("libopus") => Some(AudioCodec::Opus),
            true => Some(AudioCodec::Aac),
        },
        pictures: hashes("pictures"),
        keys: ffmpeg::key_pictures(&file),
        file,
        sound: if has_audio { hashes("sound") } else { Vec::new() },
        sound_packets: if has_audio { hashes("sound-packets") } else { Vec::new() },
    }
}
