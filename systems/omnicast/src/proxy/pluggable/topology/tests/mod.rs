//! What holds for every algorithm, and what sets each apart.

mod campaign;
mod choices;
mod conformance;
mod properties;
mod world;
