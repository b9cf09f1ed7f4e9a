//! Tests of the server alone.

mod lifetime;
mod multicast;
mod requests;
mod status;
