//! The `rillcast` program.

fn main() {}
