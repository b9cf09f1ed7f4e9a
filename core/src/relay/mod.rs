//! A stream and its children, without I/O.
