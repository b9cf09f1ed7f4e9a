//! The window's thread.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use minifb::{Key, ScaleMode, WindowOptions};

use super::decoder::{Decoder, Pixels};
use super::{Shared, State};

/// How often the window looks at keys and at who closes it, when no picture comes.
const LOOK: Duration = Duration::from_millis(20);
/// The largest window to begin with; a larger picture is made smaller.
const LARGEST: (usize, usize) = (1920, 1080);

/// Shows what comes, until nothing comes any more, the user closes the window, or there can be none.
pub(super) fn run(title: &str, coded: &Receiver<Vec<u8>>, shared: &Shared) {
    match show(title, coded, shared) {
        Ok(()) => shared.set(State::Closed),
        Err(reason) => shared.set(State::Failed(reason)),
    }
}

fn show(title: &str, coded: &Receiver<Vec<u8>>, shared: &Shared) -> Result<(), String> {
    let mut decoder = Decoder::new().map_err(|error| format!("no decoder: {error}"))?;
    let (mut window, mut pixels) = (None, Pixels::default());
    loop {
        match coded.recv_timeout(LOOK) {
            Ok(unit) => {
                if !decode_newest(&mut decoder, unit, coded, &mut pixels) {
                    continue;
                }
                let window = match &mut window {
                    Some(window) => window,
                    none => none.insert(open(title, &pixels)?),
                };
                let Pixels { width, height, data, .. } = &pixels;
                let shown = window.update_with_buffer(data, *width, *height);
                shown.map_err(|error| error.to_string())?;
                shared.shown.fetch_add(1, Ordering::Relaxed);
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some(window) = &mut window {
                    window.update();
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        let closes = |window: &minifb::Window| {
            !window.is_open() || window.is_key_down(Key::Escape) || window.is_key_down(Key::Q)
        };
        if window.as_ref().is_some_and(closes) {
            return Ok(());
        }
    }
}

/// Decodes a unit and all that wait behind it, and makes pixels of the last one only: so whoever is behind, as at
/// the beginning, catches up. False: there is no picture.
fn decode_newest(
    decoder: &mut Decoder,
    mut unit: Vec<u8>,
    coded: &Receiver<Vec<u8>>,
    pixels: &mut Pixels,
) -> bool {
    loop {
        match coded.try_recv() {
            Ok(next) => {
                decoder.decode(&unit, None);
                unit = next;
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                return decoder.decode(&unit, Some(pixels));
            }
        }
    }
}

/// A window as large as the picture, where that is not too large.
fn open(title: &str, pixels: &Pixels) -> Result<minifb::Window, String> {
    let (mut width, mut height) = (pixels.width.max(1), pixels.height.max(1));
    while width > LARGEST.0 || height > LARGEST.1 {
        (width, height) = (width.div_ceil(2), height.div_ceil(2));
    }
    let options = WindowOptions {
        resize: true,
        scale_mode: ScaleMode::AspectRatioStretch,
        ..WindowOptions::default()
    };
    minifb::Window::new(title, width, height, options).map_err(|error| {
        let display = std::env::var("DISPLAY").unwrap_or_default();
        format!("no window can be opened on the display {display:?} (X11): {error}")
    })
}
