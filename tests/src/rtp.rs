//! RTP by hand.
