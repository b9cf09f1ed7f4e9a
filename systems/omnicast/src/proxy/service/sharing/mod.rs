//! Several proxy servers, one tree.
//!
//! The proxy servers of a PostgreSQL directory share the trees of their channels. For each channel **one** of them
//! places the nodes: the one that has the channel's *seat*. The others send whoever logs in there to it
//! (`ERROR` with the code `Elsewhere` and its address). So the tree in its memory is the tree, and what it decides
//! in microseconds needs no agreement; the database only has to say who it is, and to know as much as the next one
//! needs.
//!
//! * **The seat** is taken for a *lease*, and renewed four times in each or more often. Who cannot renew it in time stops placing
//!   and hangs up on the channel's nodes. One that ends gives it back.
//! * **What is decided is written down before anybody is told** ([`Journal`]): who is in the tree, from whom each
//!   receives, how many each can serve. Writing names the *term* for which the seat was taken, and fails when
//!   somebody else has it: from then on nothing that was decided is told.
//! * **The heir** of a proxy server that died takes the seat when the lease is over, and begins with the tree as
//!   it was told to the nodes. These come to it by their other `--proxy` addresses and their tickets, and keep
//!   their places; the places of those that have not come yet are kept for them for half a minute.
//!   The streams flow on meanwhile.
//!
//! Thus no node is ever told to serve more than it said that it can, by one proxy server or by two: each knows all
//! that was told before, however long it was stopped itself. Why not let each place nodes in the same tables, under
//! a lock? It would be a round trip to the database for each step of a search that takes microseconds in memory,
//! and all the algorithms once more in SQL; while what one proxy server can place is hundreds of thousands of nodes a
//! second. Who wants to spread the work has several channels.
//!
//! While the database is away, nobody is let in or moved; streams flow on.

mod journal;
mod seats;

pub(crate) use journal::{Batch, Journal};
pub(crate) use seats::Seats;
