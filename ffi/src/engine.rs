//! The engine: its life cycle, and where it serves.

use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use rillcast::engine::{Config, Engine as Core};
use rillcast::ring::Wake;

use crate::access::Asked;
use crate::args::{self, Out};
use crate::boundary::guard_done;
use crate::config::rill_engine_config;
use crate::eventfd::EventFd;
use crate::failure::Failure;
use crate::handle::{self, Table};
use crate::signals;
use crate::status::rill_status;

/// A relay engine: a handle, not to be followed.
///
/// Its functions may be called from any thread, several at once.
pub struct rill_engine {
    _private: (),
}

static ENGINES: Table<Engine> = Table::new(0x51, "engine");

/// What an engine's handle stands for.
pub(crate) struct Engine {
    config: Config,
    running: RwLock<Option<Arc<Core>>>,
    /// The one that ran last, for the events that it has left.
    former: Mutex<Option<Arc<Core>>>,
    started: AtomicBool,
    /// For one taker of events at a time.
    pub(crate) taker: Mutex<()>,
    pub(crate) bell: Arc<Bell>,
    /// Questions of who may play and publish, if the program is to be asked.
    pub(crate) asked: Option<Arc<Asked>>,
    /// Each source owns it while it is not freed: so they are counted.
    sources: Mutex<Place>,
}

/// The place that a source takes in its engine until it is freed.
pub(crate) type Place = Arc<()>;

/// Wakes whoever has asked for a descriptor.
#[derive(Default)]
pub(crate) struct Bell(OnceLock<EventFd>);

impl Bell {
    /// The descriptor; made at the first call.
    pub(crate) fn open(&self) -> Result<&EventFd, Failure> {
        if let Some(fd) = self.0.get() {
            return Ok(fd);
        }
        let fd = EventFd::new()?;
        Ok(self.0.get_or_init(|| fd))
    }

    /// The descriptor, if it was asked for.
    pub(crate) fn fd(&self) -> Option<&EventFd> {
        self.0.get()
    }
}

impl Wake for Bell {
    fn wake(&self) {
        if let Some(fd) = self.fd() {
            fd.wake();
        }
    }
}

impl Engine {
    pub(crate) fn of(engine: *const rill_engine) -> Result<Arc<Engine>, Failure> {
        ENGINES.get(handle::number(engine))
    }

    /// The engine while it runs.
    pub(crate) fn core(&self) -> Result<Arc<Core>, Failure> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.clone().ok_or_else(|| match self.was_started() {
            true => Failure::stopped(),
            false => {
                let text = "the engine does not run yet: call rill_engine_start()";
                Failure::new(rill_status::RILL_ERROR_STOPPED, text)
            }
        })
    }

    /// Whether it runs or has run.
    pub(crate) fn was_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    /// A place for one more source. There are as many as streams, though a source whose stream was ended has none:
    /// a program that never frees them is told so.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        // Locked, so that two who ask for the last one do not keep each other from it.
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        // The engine is one of the owners.
        if Arc::strong_count(&sources) > self.config.max_streams {
            let text = format!(
                "the engine has {} sources, as many as streams (max_streams); free some",
                self.config.max_streams
            );
            return Err(Failure::new(rill_status::RILL_ERROR_TOO_MANY, text));
        }
        Ok(sources.clone())
    }

    fn start(&self) -> Result<(), Failure> {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Ok(());
        }
        let core = signals::kept_away(|| Core::start(self.config.clone()))?;
        core.wake_on_event(self.bell.clone())?;
        *running = Some(Arc::new(core));
        *self.former.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.started.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The next event that an engine has left which has stopped.
    pub(crate) fn left_over(&self) -> Option<rillcast::engine::Event> {
        let former = self.former.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        former.next_event(Some(std::time::Duration::ZERO))
    }

    fn stop(&self) {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        // Other threads may be in a call to it; they are told that it has stopped.
        if let Some(core) = running.take() {
            core.stop();
            *self.former.lock().unwrap_or_else(PoisonError::into_inner) = Some(core);
        }
        if let Some(asked) = &self.asked {
            asked.clear();
        }
        self.bell.wake();
    }
}

/// The engine that runs behind a handle.
pub(crate) fn running(engine: *const rill_engine) -> Result<Arc<Core>, Failure> {
    Engine::of(engine)?.core()
}

/// Makes an engine, which does nothing before rill_engine_start(). Thread-safe.
///
/// @param config  its settings; NULL for the defaults
/// @param out     the engine; to be freed by rill_engine_free()
/// @return RILL_OK; RILL_ERROR_ARGUMENT for a setting that makes no sense; RILL_ERROR_UNSUPPORTED when
///         the struct is of a later version and sets what this one does not know
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_new(
    config: *const rill_engine_config,
    out: *mut *mut rill_engine,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        // SAFETY: the caller's.
        let config = unsafe { args::config(config, rill_engine_config::default(), "config") }?;
        let bell = Arc::<Bell>::default();
        let asked = config.asks()?.then(|| Arc::new(Asked::new(bell.clone())));
        // SAFETY: the caller's: texts, or NULL.
        let mut config = unsafe { config.to_config() }?;
        if let Some(asked) = &asked {
            config.access = asked.clone();
        }
        let engine = Engine {
            config,
            running: RwLock::new(None),
            former: Mutex::new(None),
            started: AtomicBool::new(false),
            taker: Mutex::new(()),
            bell,
            asked,
            sources: Mutex::default(),
        };
        out.set(handle::pointer(ENGINES.insert(Arc::new(engine))?));
        Ok(())
    })
}

/// Starts the engine's thread. Does nothing when it runs already; after rill_engine_stop() it begins
/// anew, without streams. Thread-safe.
///
/// @return RILL_OK; RILL_ERROR_SYSTEM when the system gives no thread or descriptor
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_start(engine: *mut rill_engine) -> rill_status {
    guard_done(|| Engine::of(engine)?.start())
}

/// Ends every stream in order (peers are told), and returns when the engine's thread has ended and its
/// sockets are closed. Readers get what is left and then RILL_END; frames that are held stay valid. Does
/// nothing when it does not run. Thread-safe.
///
/// @return RILL_OK
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_stop(engine: *mut rill_engine) -> rill_status {
    guard_done(|| {
        Engine::of(engine)?.stop();
        Ok(())
    })
}

/// Stops the engine and frees the handle. Readers, sources and frames made from it have to be freed all
/// the same, before or after. Thread-safe; calls of other threads that are under way come back.
///
/// @param engine  the engine; NULL does nothing
/// @return RILL_OK; RILL_ERROR_HANDLE when it was freed before
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_free(engine: *mut rill_engine) -> rill_status {
    guard_done(|| {
        if engine.is_null() {
            return Ok(());
        }
        ENGINES.remove(handle::number(engine))?.stop();
        Ok(())
    })
}

/// Serves RTSP: players may play every stream, and publishers may publish to every path that has none.
/// May be called for several addresses. Thread-safe.
///
/// @param address  IP address and port, such as "127.0.0.1:8554", "0.0.0.0:8554" or "[::]:8554"; port 0
///                 takes a free one
/// @param port     the port in use; may be NULL
/// @return RILL_OK; RILL_ERROR_ARGUMENT for an address that is none; RILL_ERROR_SYSTEM when it cannot be
///         bound
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_listen(
    engine: *mut rill_engine,
    address: *const c_char,
    port: *mut u16,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's.
        let text = unsafe { args::text(address, "address") }?;
        let port = match port.is_null() {
            true => None,
            // SAFETY: the caller's.
            false => Some(unsafe { Out::claim(port, "port") }?),
        };
        let address = text.parse().map_err(|_| {
            let text = format!("{text} is no IP address and port, such as 127.0.0.1:8554");
            Failure::argument(text)
        })?;
        let bound = engine.listen(address)?;
        if let Some(port) = port {
            port.set(bound.port());
        }
        Ok(())
    })
}
