//! What the paper measured (section 4.2; Pentium 4 with 1.8 and 3.0 GHz, 100 Mbit/s Ethernet). Figures that
//! are only drawn there are given as the range that the drawing shows.

/// Figure 7: time for 30 frames at each of eight nodes, in milliseconds.
pub const FRAMES_30_MS: (f64, f64) = (991.0, 998.0);
/// Section 4.2.2: connection latency of a node, in milliseconds.
pub const CONNECTION_MS: (f64, f64) = (100.0, 120.0);
/// Figure 9: the session with the proxy server, in milliseconds (node 2).
pub const USCP_MS: f64 = 5.0;
/// Figure 9: the RTSP session, in milliseconds.
pub const RTSP_MS: (f64, f64) = (60.0, 72.0);
/// Figure 9: the time that frames took which were lost, in milliseconds (node 2).
pub const LOST_FRAMES_MS: f64 = 15.0;
/// Figure 9: from there to the first frame, in milliseconds.
pub const FIRST_FRAME_MS: (f64, f64) = (20.0, 40.0);
/// Figure 9: the same at the first node, which is fed by the streaming server.
pub const FIRST_HOP_FRAME_MS: f64 = 449.0;
/// Section 4.3.1: clients of a server with 100 Mbit/s; ten nodes have ten times as many. By the rule that is given
/// beside it they would be 209: 21 are those of 10 Mbit/s.
pub const CLIENTS_PER_SERVER: u32 = 21;
/// Section 4.2.3: until the stream goes on after the server node has left, in milliseconds.
pub const RECOVERY_MS: (f64, f64) = (100.0, 120.0);
