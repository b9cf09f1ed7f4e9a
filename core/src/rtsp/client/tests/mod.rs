//! The client against servers of other makes, whose responses are written out.

mod resolving;
mod servers;
