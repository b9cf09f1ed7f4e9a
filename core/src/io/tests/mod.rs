//! What every backend has to fulfil, run for each: the promises of [`Io`].
//!
//! A case gets a backend without sockets and talks to it from plain sockets, which are the standard library's
//! or those of the simulated network. It
//! asks of a backend only what the trait promises: whether datagrams come as aggregates, and how
//! many messages carry a run, depends on what the socket and [`Io::gso`] say. What only one backend
//! does is tested beside it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::*;

pub(super) mod load;
pub(super) mod peers;
mod receive;
mod send;
mod small;
mod tcp;
mod wait;

use peers::{Kernel, Local, Peers};

/// The suite for a backend, as a module named after it. `$open` gives the backend and who is at its other end.
macro_rules! conformance {
    ($backend:ident, $open:expr) => {
        mod $backend {
            use super::*;

            conformance!(@cases $open;
                wait::a_wait_without_events_ends_in_time,
                wait::many_wakes_end_one_wait,
                wait::no_wake_from_another_thread_is_lost,
                wait::a_stale_token_reaches_no_other_socket,
                wait::a_closed_socket_is_not_reported,
                wait::what_is_closed_is_free_at_once,
                wait::a_pair_is_an_even_port_and_the_next,
                wait::a_granted_buffer_is_told_and_a_small_one_warned_of,
                tcp::bytes_go_both_ways,
                tcp::the_end_of_the_stream_is_reported_and_bytes_before_it_are_read,
                tcp::a_half_closed_peer_still_gets_its_answer,
                tcp::a_reset_is_reported,
                tcp::closing_with_unread_bytes_does_not_reset,
                tcp::a_full_connection_refuses_and_is_reported_once_it_drains,
                tcp::more_slices_than_the_kernel_takes_are_a_partial_write,
                tcp::connecting_succeeds_or_says_why_not,
                tcp::an_attempt_to_connect_that_goes_on_would_block,
                tcp::a_listener_is_reported_until_its_queue_is_empty,
                tcp::a_listener_on_any_ipv6_address_serves_ipv4,
                tcp::an_address_in_use_is_an_error,
                tcp::who_does_not_want_to_read_is_not_told,
                receive::single_datagrams_lie_one_behind_the_other,
                receive::an_aggregate_comes_with_the_size_of_its_segments,
                receive::lanes_open_as_needed_and_move_on_to_new_chunks,
                small::a_socket_is_reported_until_it_is_empty,
                small::who_does_not_want_to_receive_is_not_told,
                receive::overflow_of_the_socket_is_counted,
                receive::a_spent_pool_empties_the_socket_and_counts,
                receive::inspection_changes_in_place_and_refuses,
                receive::a_chunk_smaller_than_a_datagram_truncates_and_counts,
                small::small_datagrams_are_handed_over_in_bounded_batches,
                small::many_sockets_are_received_from_in_turn,
                receive::an_ipv4_sender_is_ipv4_on_an_ipv6_socket,
                receive::an_empty_socket_is_no_error,
                send::runs_reach_fifty_receivers,
                send::more_than_one_message_can_carry_is_cut,
                send::a_packet_is_gathered_from_header_and_payload,
                send::a_bad_destination_fails_alone,
                send::more_receivers_than_one_call_takes,
                send::ipv6_and_ipv4_from_one_socket,
                send::nothing_to_send_is_nothing,
            );
        }
    };
    (@cases $open:expr; $($module:ident::$case:ident,)+) => {
        $(
            #[test]
            fn $case() {
                let (mut io, peers) = $open;
                $module::$case(&mut io, &peers);
            }
        )+
    };
}

/// What only backends on the kernel's sockets can do, and what only these meet with.
macro_rules! on_sockets {
    ($backend:ident, $name:ident, $open:expr) => {
        conformance!($backend, ($open, Kernel));

        mod $name {
            use super::*;

            conformance!(@cases ($open, Kernel);
                tcp::a_connected_stream_is_adopted_and_nothing_else,
                tcp::a_duplicate_is_closed_by_itself,
                send::a_multicast_group_is_sent_to_as_the_options_say,
            );

            #[test]
            fn without_descriptors_accepting_does_not_spin() {
                tcp::without_descriptors(&name(module_path!(), "with_few_descriptors"));
            }

            #[test]
            #[ignore = "run by without_descriptors_accepting_does_not_spin"]
            fn with_few_descriptors() {
                tcp::with_few_descriptors(&mut $open);
            }

            #[test]
            fn a_full_buffer_is_waited_for_and_then_refuses() {
                send::without_answers(&name(module_path!(), "where_nobody_answers"));
            }

            #[test]
            #[ignore = "run by a_full_buffer_is_waited_for_and_then_refuses"]
            fn where_nobody_answers() {
                send::where_nobody_answers(&mut $open);
            }
        }
    };
}

#[cfg(feature = "linux")]
on_sockets!(mmsg, mmsg_sockets, Mmsg::new().expect("a backend"));
#[cfg(feature = "linux")]
on_sockets!(uring, uring_sockets, {
    let Ok(backend) = Uring::new().inspect_err(|error| eprintln!("skipped: {error}")) else {
        return;
    };
    backend
});
on_sockets!(mio, mio_sockets, Mio::new().expect("a backend"));
conformance!(simulated_network, {
    let local = Local::new();
    (local.open(), local)
});

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Waits until an event satisfies `wanted`, and gives it.
#[track_caller]
fn event(io: &mut dyn Io, mut wanted: impl FnMut(&Event) -> bool) -> Event {
    let mut events = Vec::new();
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        io.wait(Some(Duration::from_millis(100)), &mut events).expect("wait");
        if let Some(event) = events.iter().find(|event| wanted(event)) {
            return *event;
        }
    }
    panic!("the event did not come in 30 s; last: {events:?}");
}

/// What is reported at once.
fn events_now(io: &mut dyn Io) -> Vec<Event> {
    let mut events = Vec::new();
    io.wait(Some(Duration::ZERO), &mut events).expect("wait");
    events
}

/// A test of this crate as its harness names it.
fn name(module: &str, test: &str) -> String {
    let module = module.split_once("::").map_or(module, |(_, module)| module);
    format!("{module}::{test}")
}

/// Runs an ignored test in a process of its own, started by `by`, and gives what it said. `None` if
/// that cannot be done here.
fn child(by: &[&str], test: &str) -> Option<String> {
    let (program, arguments) = by.split_first()?;
    let output = std::process::Command::new(program)
        .args(arguments)
        .arg(std::env::current_exe().ok()?)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .output()
        .ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}
