//! USCP: what is written is read, what is hostile is refused, what is documented is true.

mod documented;
mod hostile;
mod round_trip;
