//! Who may play and publish: questions that the program answers, from a queue.

use std::collections::VecDeque;
use std::ffi::{CString, c_char};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rillcast::engine::access::{
    Access, AccessRequest, Action, Challenge, Credentials, Decision, Secret,
};
use rillcast::ring::Wake;

use crate::args::{self, Out};
use crate::boundary::{guard, guard_done};
use crate::engine::{Bell, Engine, rill_engine};
use crate::failure::Failure;
use crate::handle::Table;
use crate::status::rill_status;

/// Who is let in by the RTSP server.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_access_mode {
    /// Everyone.
    RILL_ACCESS_ALL = 0,
    /// Whom the program lets in: see rill_engine_next_access().
    RILL_ACCESS_ASK = 1,
}

/// What somebody wants to do.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_action {
    /// Receive the stream of a path.
    RILL_ACTION_PLAY = 0,
    /// Send a stream to a path.
    RILL_ACTION_PUBLISH = 1,
}

/// Somebody wants in. The texts are UTF-8, never NULL, and valid until the answer: one of
/// rill_access_allow(), rill_access_deny() and rill_access_challenge(). Until then the connection waits,
/// others do not; after rill_engine_config.access_timeout_ms it is told to come again (503).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_access {
    /// A number of rill_action.
    pub action: i32,
    /// 0.
    pub reserved_action: i32,
    /// Path of the stream, without a slash at either end.
    pub path: *const c_char,
    /// What stands behind "?" in the URL; "" when nothing does.
    pub query: *const c_char,
    /// Address of the client.
    pub peer: *const c_char,
    /// Whom the client says it is; "" when it did not say.
    pub user: *const c_char,
    /// What the client calls itself; "" when it did not say.
    pub user_agent: *const c_char,
    /// The library's.
    pub owner: u64,
    /// 0.
    pub reserved: [u64; 3],
}

impl rill_access {
    const EMPTY: rill_access = rill_access {
        action: 0,
        reserved_action: 0,
        path: std::ptr::null(),
        query: std::ptr::null(),
        peer: std::ptr::null(),
        user: std::ptr::null(),
        user_agent: std::ptr::null(),
        owner: 0,
        reserved: [0; 3],
    };
}

static OPEN: Table<Open> = Table::new(0x56, "access request");

/// A question that C has been handed.
struct Open {
    path: CString,
    query: CString,
    peer: CString,
    user: CString,
    user_agent: CString,
    credentials: Credentials,
    decision: Mutex<Option<Decision>>,
}

impl Open {
    fn answer(&self, answer: impl FnOnce(Decision)) {
        let decision = self.decision.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(decision) = decision {
            answer(decision);
        }
    }
}

/// Questions that wait to be taken. The engine bounds how many there are.
pub(crate) struct Asked {
    waiting: Mutex<VecDeque<(AccessRequest, Decision)>>,
    came: Condvar,
    bell: Arc<Bell>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

impl Access for Asked {
    fn ask(&self, request: AccessRequest, decision: Decision) {
        self.waiting().push_back((request, decision));
        self.came.notify_one();
        self.bell.wake();
    }
}

impl Asked {
    pub(crate) fn new(bell: Arc<Bell>) -> Asked {
        Asked { waiting: Mutex::default(), came: Condvar::new(), bell }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    /// The engine has stopped: nobody waits for an answer any more, and none will ask.
    pub(crate) fn clear(&self) {
        self.waiting().clear();
        self.came.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(AccessRequest, Decision)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next question, waiting for it no longer than `patience`.
    fn next(&self, patience: Duration) -> Option<(AccessRequest, Decision)> {
        let mut waiting = self.waiting();
        if waiting.is_empty() && !patience.is_zero() {
            let waited = self.came.wait_timeout(waiting, patience);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.pop_front()
    }
}

/// How long one look at the queue may wait, so that a thread that asks for ever sees that the engine
/// was stopped or freed.
const SLICE: Duration = Duration::from_millis(100);

/// Takes the next question of who may play or publish, of an engine whose configuration has `access` set
/// to RILL_ACCESS_ASK. Questions make the descriptor of rill_engine_event_fd() readable, as events do.
/// Thread-safe: several threads may answer.
///
/// @param timeout_ms  how long to wait for one, in ms; 0 does not wait, a negative number waits for ever
/// @param out         the question, to be answered
/// @return RILL_OK; RILL_AGAIN when there was none; RILL_END when the engine has stopped;
///         RILL_ERROR_STOPPED before rill_engine_start(); RILL_ERROR_UNSUPPORTED when the engine lets
///         everyone in
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_next_access(
    engine: *mut rill_engine,
    timeout_ms: i64,
    out: *mut rill_access,
) -> rill_status {
    guard(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        let object = Engine::of(engine)?;
        let Some(asked) = &object.asked else {
            let text = "the engine lets everyone in: set config.access to RILL_ACCESS_ASK";
            return Err(Failure::new(rill_status::RILL_ERROR_UNSUPPORTED, text));
        };
        let patience = args::patience(timeout_ms);
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        loop {
            match object.core() {
                Ok(core) if core.is_running() => {}
                Err(failure) if !object.was_started() => return Err(failure),
                _ => return Ok(rill_status::RILL_END),
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let slice = match patience {
                Some(_) => left.unwrap_or(SLICE).min(SLICE),
                None => SLICE,
            };
            if let Some((request, decision)) = asked.next(slice) {
                out.set(hand_over(request, decision)?);
                return Ok(rill_status::RILL_OK);
            }
            if left.is_some_and(|left| left <= slice) {
                return Ok(rill_status::RILL_AGAIN);
            }
            // The handle may have been freed by another thread meanwhile.
            Engine::of(engine)?;
        }
    })
}

fn hand_over(request: AccessRequest, decision: Decision) -> Result<rill_access, Failure> {
    let c = |text: &str| {
        let bytes: Vec<u8> = text.bytes().filter(|byte| *byte != 0).collect();
        CString::new(bytes).unwrap_or_default()
    };
    let open = Arc::new(Open {
        path: c(&request.path),
        query: c(request.query.as_deref().unwrap_or_default()),
        peer: c(&request.peer.to_string()),
        user: c(request.credentials.user().unwrap_or_default()),
        user_agent: c(request.user_agent.as_deref().unwrap_or_default()),
        credentials: request.credentials,
        decision: Mutex::new(Some(decision)),
    });
    let action = match request.action {
        Action::Play => rill_action::RILL_ACTION_PLAY,
        Action::Publish => rill_action::RILL_ACTION_PUBLISH,
    };
    let mut access = rill_access {
        action: action as i32,
        path: open.path.as_ptr(),
        query: open.query.as_ptr(),
        peer: open.peer.as_ptr(),
        user: open.user.as_ptr(),
        user_agent: open.user_agent.as_ptr(),
        ..rill_access::EMPTY
    };
    access.owner = OPEN.insert(open)?;
    Ok(access)
}

/// Whether the client has proved to know the password of the user that it says it is (Basic, or Digest
/// with MD5 or SHA-256: the password itself does not cross the network then). Takes as long for a wrong
/// one as for a right one. Thread-safe.
///
/// @param access    an open question
/// @param realm     the realm of the challenge, the same as for rill_access_challenge()
/// @param password  the password of access->user, as the program has it
/// @param out       1 or 0
/// @return RILL_OK; RILL_ERROR_HANDLE when it was answered
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_access_verify(
    access: *const rill_access,
    realm: *const c_char,
    password: *const c_char,
    out: *mut i32,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        // SAFETY: the caller's, both.
        let (realm, password) =
            unsafe { (args::text(realm, "realm")?, args::text(password, "password")?) };
        // SAFETY: the caller's; claiming only checks.
        unsafe { Out::claim(access.cast_mut(), "access") }?;
        // SAFETY: not NULL and aligned; the struct is plain data.
        let open = OPEN.get(unsafe { (*access).owner })?;
        let user = open.credentials.user().unwrap_or_default();
        let secret = Secret::hash(user, realm, password, true);
        let right = !open.credentials.is_none() && open.credentials.verify(&secret, realm);
        out.set(i32::from(right));
        Ok(())
    })
}

/// Takes the question out and zeroes the struct.
///
/// # Safety
///
/// NULL, or a question that was handed over, or zeroes.
unsafe fn take(access: *mut rill_access) -> Result<Option<Arc<Open>>, Failure> {
    // SAFETY: the caller's.
    let out = unsafe { Out::claim(access, "access") }?;
    // SAFETY: claimed just now; the struct is plain data.
    let owner = unsafe { (*access).owner };
    out.set(rill_access::EMPTY);
    match owner {
        0 => Ok(None),
        owner => OPEN.remove(owner).map(Some),
    }
}

/// Lets the client in. The struct is zeroed; for one that is, nothing happens. Thread-safe.
///
/// @return RILL_OK; RILL_ERROR_HANDLE when it was answered before, by a copy of the struct
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_access_allow(access: *mut rill_access) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let open = unsafe { take(access) }?;
        if let Some(open) = open {
            open.answer(Decision::allow);
        }
        Ok(())
    })
}

/// Refuses the client, whoever it is (403). Otherwise as rill_access_allow().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_access_deny(access: *mut rill_access) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let open = unsafe { take(access) }?;
        if let Some(open) = open {
            open.answer(Decision::deny);
        }
        Ok(())
    })
}

/// Asks the client for credentials, or for other ones (401, Digest). Credentials that came count as a
/// wrong guess; who makes too many has to wait. Otherwise as rill_access_allow().
///
/// @param realm  what the password is for; clients show it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_access_challenge(
    access: *mut rill_access,
    realm: *const c_char,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let realm = unsafe { args::text(realm, "realm") }?.to_owned();
        // SAFETY: the caller's.
        let open = unsafe { take(access) }?;
        let challenge = Challenge { realm, digest: true, basic: false };
        if let Some(open) = open {
            open.answer(|decision| decision.challenge(challenge));
        }
        Ok(())
    })
}
