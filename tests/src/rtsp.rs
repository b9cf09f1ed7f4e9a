//! RTSP by hand.
