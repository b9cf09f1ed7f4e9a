//! In the steady state, receiving a packet and sending it to many allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::IoSlice;
use std::net::SocketAddr;

use rillcast::io::{Backend, Destination, Lanes, Run, UdpOptions};
use rillcast::ring::Pool;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: by the caller's word for the same layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: by the caller's word; the pointer came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn packets_pass_without_allocation_by_mio() {
    packets_pass_without_allocation(Backend::Mio);
}

#[test]
#[cfg(feature = "linux")]
fn packets_pass_without_allocation_by_mmsg() {
    packets_pass_without_allocation(Backend::Mmsg);
}

#[test]
#[cfg(feature = "linux")]
fn packets_pass_without_allocation_by_uring() {
    match rillcast::io::open(Backend::Uring) {
        Ok(_) => packets_pass_without_allocation(Backend::Uring),
        Err(error) => eprintln!("skipped: {error}"),
    }
}

fn packets_pass_without_allocation(backend: Backend) {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let mut io = rillcast::io::open(backend).unwrap().io;
    let options = UdpOptions::default();
    let source = io.bind_udp(loopback, &options).unwrap();
    let ingest = io.bind_udp(loopback, &options).unwrap();
    let children: Vec<_> = (0..20).map(|_| io.bind_udp(loopback, &options).unwrap()).collect();
    let to_ingest = [Destination::new(ingest.local_addr)];
    let to_children: Vec<_> =
        children.iter().map(|child| Destination::new(child.local_addr)).collect();

    let packets = [[1_u8; 1200]; 10];
    let slices: Vec<_> = packets.iter().map(|packet| IoSlice::new(packet)).collect();
    let runs = [Run::new(&slices, 1200)];
    let (mut lanes, mut pool) = (Lanes::default(), Pool::new(Pool::CHUNK_SIZE, 16));
    let (mut received, mut failed, mut events) = (Vec::new(), Vec::new(), Vec::new());
    let mut delivered = 0;
    let mut before = 0;
    for round in 0..200 {
        if round == 100 {
            before = ALLOCATIONS.with(Cell::get);
        }
        io.fan_out(source.token, &runs, &to_ingest, &mut failed).unwrap();
        io.wait(None, &mut events).unwrap();
        for event in &events {
            if event.token == ingest.token {
                io.receive(event.token, &mut lanes, &mut pool, &mut received).unwrap();
                continue;
            }
            io.receive_small(event.token, &mut |_, _| ()).unwrap();
        }
        for datagram in received.drain(..) {
            let slices = [IoSlice::new(&datagram.span)];
            let run = [Run::new(&slices, datagram.segment)];
            delivered += io.fan_out(ingest.token, &run, &to_children, &mut failed).unwrap().sent;
        }
    }
    let allocations = ALLOCATIONS.with(Cell::get) - before;
    assert!(failed.is_empty());
    assert_eq!(delivered, 200 * 10 * 20);
    assert_eq!(allocations, 0);
}
