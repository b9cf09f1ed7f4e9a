//! The C ABI of the relay engine: `librillcast`. Nothing is exported yet.
