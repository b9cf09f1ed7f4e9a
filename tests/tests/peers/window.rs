//! The window of `rillcast play --window`, on a display that is nowhere: Xvfb, which keeps what is on the screen in a
//! file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rillcast_tests::process::Process;
use rillcast_tests::role::program;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;

/// How long the picture may take to be on the screen.
const PATIENCE: Duration = Duration::from_secs(30);
/// The colours of the test picture's bars, from the left, as red, green and blue.
const BARS: [[u8; 3]; 7] = [
    [0xbf, 0xbf, 0xbf],
    [0xbf, 0xbf, 0x00],
    [0x00, 0xbf, 0xbf],
    [0x00, 0xbf, 0x00],
    [0xbf, 0x00, 0xbf],
    [0xbf, 0x00, 0x00],
    [0x00, 0x00, 0xbf],
];
/// The size of the picture, and of the screen, in whose middle the window is.
const PICTURE: (usize, usize) = (320, 180);
const SCREEN: (usize, usize) = (640, 480);

/// The colour of a place on the screen, in a file of `xwd` (XWDFile.h): a header of 32-bit numbers, big-endian,
/// the colours of a palette, and the pixels.
fn colour(file: &[u8], (column, row): (usize, usize)) -> Option<[u8; 3]> {
    let number = |index: usize| {
        let bytes = file.get(index * 4..)?.first_chunk()?;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    };
    let (header, low_byte_first, line) = (number(0)?, number(7)? == 0, number(12)?);
    let palette = number(19)? * 12;
    let pixel = file.get(header + palette + row * line + column * 4..)?.first_chunk::<4>()?;
    match (low_byte_first, *pixel) {
        (true, [blue, green, red, _]) | (false, [_, red, green, blue]) => Some([red, green, blue]),
    }
}

/// Whether all bars of the test picture are on the screen.
fn shows_bars(screen: &Path) -> bool {
    let Ok(file) = fs::read(screen) else { return false };
    let (left, top) = ((SCREEN.0 - PICTURE.0) / 2, (SCREEN.1 - PICTURE.1) / 2);
    BARS.iter().enumerate().all(|(bar, expected)| {
        let column = left + (bar * 2 + 1) * PICTURE.0 / 16;
        let seen = colour(&file, (column, top + PICTURE.1 / 16));
        // Coded with loss.
        seen.is_some_and(|seen| {
            seen.iter().zip(expected).all(|(seen, expected)| seen.abs_diff(*expected) <= 24)
        })
    })
}

#[test]
fn the_picture_is_on_the_screen() {
    if Command::new("Xvfb").arg("-version").output().is_err() {
        eprintln!("skipped: no Xvfb here");
        return;
    }
    let scene = Scene::new("the_picture_is_on_the_screen");
    let mut command = Command::new("Xvfb");
    let (width, height) = SCREEN;
    let screen = format!("{width}x{height}x24");
    command.args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &screen, "-fbdir"]);
    let mut display = Process::piped(&scene, "xvfb", {
        command.arg(scene.dir());
        command
    });
    let mut number = String::new();
    BufReader::new(display.take_output()).read_line(&mut number).expect("a display");

    let mut server = Server::start(&scene, &[]);
    let url = server.url("live");
    let mut command = program();
    command.args(["publish", "test", &url, "--size", "320x180", "--gop", "1"]);
    let _publisher = Process::start(&scene, "publisher", command);
    server.stream_started("live");
    let mut command = program();
    command.args(["play", "--window", "--transport", "tcp", "--json", &url]);
    command.env("DISPLAY", format!(":{}", number.trim()));
    let mut player = Process::start(&scene, "player", command);
    let (framebuffer, deadline) = (scene.file("Xvfb_screen0"), Instant::now() + PATIENCE);
    while !shows_bars(&framebuffer) {
        assert!(player.is_running(), "the player has ended: {}", player.log());
        assert!(Instant::now() < deadline, "the picture is not on the screen");
        thread::sleep(Duration::from_millis(50));
    }
    player.signal("TERM");
    player.succeed(PATIENCE);
    assert!(player.log().contains("\"shown\":"), "{}", player.log());
}

#[test]
fn without_a_display_it_says_so() {
    let mut command = program();
    command.args(["play", "--window", "rtsp://127.0.0.1:1/live"]).env_remove("DISPLAY");
    let output = command.output().expect("the program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("DISPLAY is not set"), "{said}");
}
