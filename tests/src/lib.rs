//! Tests of the whole program against real peers.
//!
//! The tests are in `tests/peers`; this is what they stand on:
//!
//! | module | what it is |
//! |---|---|
//! | [`scene`] | one test's folder, its logs, shown when the test fails |
//! | [`process`] | a program that was started: its log, its end, killed when dropped |
//! | [`server`] | `rillcast serve` on a free port, and the events it prints |
//! | [`clip`] | the films that are published, made once by ffmpeg |
//! | [`ffmpeg`], [`gstreamer`] | publishers and players |
//! | [`audience`] | the players of one stream, and what is asked of them |
//! | [`judge`] | what the player decoded against what the source holds |
//! | [`memory`] | whether a program's memory grows |
//! | [`bystander`] | a session that must not notice what others do to the server |
//! | [`rtsp`], [`rtp`] | RTSP and RTP by hand, for what no program can be made to do |
//!
//! The judge is content: every frame a player decoded is hashed, and the hashes have to be those of
//! the source, without a gap, from a key frame to the end. Nothing waits for a fixed time where it
//! can wait for an event, and every wait has a deadline.

pub mod audience;
pub mod bystander;
pub mod clip;
pub mod ffmpeg;
pub mod gstreamer;
pub mod judge;
pub mod memory;
pub mod process;
pub mod role;
pub mod rtp;
pub mod rtsp;
pub mod scene;
pub mod server;

/// How RTP travels between an RTSP client and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    Tcp,
    /// As datagrams.
    Udp,
}

impl Transport {
    /// The word all tools and the program use for it: `tcp` or `udp`.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        }
    }
}
