//! The frame ring.
