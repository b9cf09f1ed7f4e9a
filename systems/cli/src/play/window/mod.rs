//! The window of `--window`: pictures are decoded and shown on a thread of its own, each as soon as it has come.
//!
//! | file | what is there |
//! |---|---|
//! | `mod.rs` | the window, as the session sees it |
//! | `screen.rs` | its thread: what it decodes, what it shows and what it leaves out |
//! | `decoder.rs` | from coded pictures to pixels |

mod decoder;
mod screen;

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rillcast::media::h264::ParameterSets;
use rillcast::media::{Payload, sdp};
use rillcast::relay::Frame;

use super::sink::has_parameter_sets;
use crate::failure::Failure;

/// Pictures that may wait to be decoded: those of two groups of pictures, which a server gives at once.
const WAITING: usize = 256;

/// How it stands with the window.
#[derive(Clone, Debug, Default)]
enum State {
    /// It is there, or will be when there is a picture.
    #[default]
    Open,
    /// The user has closed it.
    Closed,
    /// It cannot be: why.
    Failed(String),
}

/// What the window's thread and the session share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Pictures that were shown.
    shown: AtomicU64,
}

impl Shared {
    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// A window that shows the first H.264 track. It goes when this is dropped.
pub(super) struct Window {
    shared: Arc<Shared>,
    /// Coded pictures; `None`: no more will come.
    pictures: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
    track: usize,
    /// Parameter sets of the session description, until they are handed over or found in band.
    out_of_band: Option<ParameterSets>,
    /// Something was left out: what refers to it cannot be decoded.
    awaits_key: bool,
}

/// Whether there can be a window at all.
///
/// # Errors
/// When there is no display.
pub(super) fn check_display() -> Result<(), Failure> {
    match env::var_os("DISPLAY").is_some_and(|name| !name.is_empty()) {
        true => Ok(()),
        false => Err(Failure::runtime(
            "--window: there is no display to show a window on: DISPLAY is not set (X11, or XWayland under Wayland)",
        )),
    }
}

impl Window {
    /// A window for a stream that `session` describes. It appears with the first picture.
    ///
    /// # Errors
    /// When there is nothing to be shown, or no thread.
    pub(super) fn open(url: &str, session: &sdp::Session) -> Result<Window, Failure> {
        let track = session.media.iter().position(super::is_h264).ok_or_else(|| {
            Failure::runtime(
                "--window: the stream has no H.264 video, which is all that can be shown",
            )
        })?;
        let out_of_band = session.media.get(track).map(super::parameter_sets);
        let (pictures, coded) = sync_channel(WAITING);
        let shared = Arc::new(Shared::default());
        let (title, state) = (format!("{url} - rillcast"), shared.clone());
        let thread = std::thread::Builder::new()
            .name("window".into())
            .spawn(move || screen::run(&title, &coded, &state))
            .map_err(|error| Failure::runtime(format!("--window: no thread for it: {error}")))?;
        let (pictures, thread) = (Some(pictures), Some(thread));
        Ok(Window { shared, pictures, thread, track, out_of_band, awaits_key: true })
    }

    /// Shows a frame, if it is one of the track that is shown.
    pub(super) fn show(&mut self, frame: &Frame) {
        let Payload::H264(unit) = &frame.data.payload else { return };
        if frame.track != self.track || (self.awaits_key && !frame.data.key) {
            return;
        }
        let mut bytes = Vec::with_capacity(unit.size().saturating_add(256));
        if let Some(sets) = self.out_of_band.take_if(|_| !has_parameter_sets(unit)) {
            for set in sets.nals() {
                bytes.extend_from_slice(&[0, 0, 0, 1]);
                bytes.extend_from_slice(set);
            }
        }
        unit.annex_b().for_each(|piece| bytes.extend_from_slice(piece));
        let Some(pictures) = &self.pictures else { return };
        // Who decodes too slowly goes on at the next key frame. Who has gone is told by the state.
        self.awaits_key = matches!(pictures.try_send(bytes), Err(TrySendError::Full(_)));
    }

    /// Whether it still is to be played: false when the user has closed the window.
    ///
    /// # Errors
    /// When the window cannot be.
    pub(super) fn is_open(&self) -> Result<bool, Failure> {
        let state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match state {
            State::Failed(reason) => Err(Failure::runtime(format!("--window: {reason}"))),
            State::Closed => Ok(false),
            State::Open if self.thread.as_ref().is_none_or(JoinHandle::is_finished) => {
                Err(Failure::runtime("--window: the window's thread has ended by itself"))
            }
            State::Open => Ok(true),
        }
    }

    /// Pictures that were shown.
    pub(super) fn shown(&self) -> u64 {
        // Nothing else is handed over with it.
        self.shared.shown.load(Ordering::Relaxed)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.pictures = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by itself.
            let _ = thread.join();
        }
    }
}
