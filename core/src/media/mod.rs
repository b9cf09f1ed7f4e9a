//! RTP, RTCP, SDP, H.264 and AAC, without I/O.
