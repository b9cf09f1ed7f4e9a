//! The engine: life cycle, and streams that come and go by network.

use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use rillcast::engine::{Config, Engine as Core, Transport};
use rillcast::media::sdp;
use rillcast::ring::Wake;

use crate::access::Asked;
use crate::args::{self, Out};
use crate::boundary::guard_done;
use crate::config::{rill_engine_config, rill_transport};
use crate::eventfd::EventFd;
use crate::failure::Failure;
use crate::handle::{self, Table};
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
    started: AtomicBool,
    /// For one taker of events at a time.
    pub(crate) taker: Mutex<()>,
    pub(crate) bell: Arc<Bell>,
    /// Questions of who may play and publish, if the program is to be asked.
    pub(crate) asked: Option<Arc<Asked>>,
}

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
        running.clone().ok_or_else(Failure::stopped)
    }

    /// Whether it runs or has run.
    pub(crate) fn was_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    fn start(&self) -> Result<(), Failure> {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Ok(());
        }
        let core = Core::start(self.config.clone())?;
        core.wake_on_event(self.bell.clone())?;
        *running = Some(Arc::new(core));
        self.started.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn stop(&self) {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        // Other threads may be in a call to it; they are told that it has stopped.
        if let Some(core) = running.take() {
            core.stop();
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
        let mut config = config.to_config()?;
        if let Some(asked) = &asked {
            config.access = asked.clone();
        }
        let engine = Engine {
            config,
            running: RwLock::new(None),
            started: AtomicBool::new(false),
            taker: Mutex::new(()),
            bell,
            asked,
        };
        out.set(handle::pointer(ENGINES.insert(Arc::new(engine))?));
        Ok(())
    })
}

/// Starts the engine's thread. Does nothing when it runs already; after rill_engine_stop() it begins
/// anew, without streams. Thread-safe.
///
/// @return RILL_OK; RILL_ERROR_SYSTEM when the system gives no thread or descriptor
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

fn transport_of(number: i32) -> Result<Transport, Failure> {
    const AUTO: i32 = rill_transport::RILL_TRANSPORT_AUTO as i32;
    const UDP: i32 = rill_transport::RILL_TRANSPORT_UDP as i32;
    const TCP: i32 = rill_transport::RILL_TRANSPORT_TCP as i32;
    match number {
        AUTO => Ok(Transport::Auto),
        UDP => Ok(Transport::Udp),
        TCP => Ok(Transport::Tcp),
        _ => Err(Failure::argument(format!("transport is {number}, which is no rill_transport"))),
    }
}

/// Plays an RTSP URL and makes what comes the stream at `path`. Returns when the attempt has begun;
/// RILL_EVENT_STREAM_STARTED or RILL_EVENT_PULL_FAILED tells how it went. The host's name is looked up
/// during the call. Thread-safe.
///
/// @param path       the stream's path, such as "cam"
/// @param url        rtsp://HOST/PATH; user, password and port may be in it
/// @param transport  a number of rill_transport
/// @return RILL_OK; RILL_ERROR_URL; RILL_ERROR_PATH_TAKEN; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_pull(
    engine: *mut rill_engine,
    path: *const c_char,
    url: *const c_char,
    transport: i32,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's, both.
        let (path, url) = unsafe { (args::text(path, "path")?, args::text(url, "url")?) };
        Ok(engine.pull(path, url, transport_of(transport)?)?)
    })
}

/// Publishes the stream at `path`, now or as soon as it comes, to an RTSP URL (RECORD). Returns when
/// this is noted; RILL_EVENT_PUSH_STARTED or RILL_EVENT_PUSH_ENDED tells how it went. Thread-safe.
///
/// @param path       the stream's path
/// @param url        rtsp://HOST/PATH; user, password and port may be in it
/// @param transport  a number of rill_transport
/// @return RILL_OK; RILL_ERROR_URL; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_push(
    engine: *mut rill_engine,
    path: *const c_char,
    url: *const c_char,
    transport: i32,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's, both.
        let (path, url) = unsafe { (args::text(path, "path")?, args::text(url, "url")?) };
        Ok(engine.push(path, url, transport_of(transport)?)?)
    })
}

/// Receives plain RTP at the ports that a session description names, and makes it the stream at `path`.
/// Thread-safe.
///
/// @param path  the stream's path
/// @param sdp   the session description (SDP) of the sender
/// @return RILL_OK; RILL_ERROR_SDP; RILL_ERROR_PATH_TAKEN; RILL_ERROR_SYSTEM when a port cannot be bound
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_ingest_rtp(
    engine: *mut rill_engine,
    path: *const c_char,
    sdp: *const c_char,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's, both.
        let (path, sdp) = unsafe { (args::text(path, "path")?, args::text(sdp, "sdp")?) };
        Ok(engine.ingest_rtp(path, session(sdp)?)?)
    })
}

/// A session description, parsed.
pub(crate) fn session(text: &str) -> Result<sdp::Session, Failure> {
    sdp::Session::parse(text.as_bytes()).map_err(|error| {
        let text = format!("session description: {error}");
        Failure::new(rill_status::RILL_ERROR_SDP, text)
    })
}
