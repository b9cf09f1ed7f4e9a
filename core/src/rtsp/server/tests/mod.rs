//! Tests of the server alone.

mod lifetime;
mod requests;
mod status;
