#!/usr/bin/env python3
"""gst-rtsp-server as a relay, to be measured beside the engine.

    rillcast bench fanout --peer "gst-rtsp-server=python3 bench/peers/gst_rtsp_server.py"

Takes RTP at 127.0.0.1:$RTP_PORT and serves it at rtsp://127.0.0.1:$RTSP_PORT/bench. All packets are
handled by GStreamer's own threads, in C; Python only starts it.
Needs python3-gi, gir1.2-gst-rtsp-server-1.0 and the good plugins (Debian's names).
"""

import os
import re

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
with open(os.environ["SDP"], encoding="utf-8") as file:
    parameter_sets = re.search("sprop-parameter-sets=(\\S+)", file.read()).group(1)

server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service(os.environ["RTSP_PORT"])
factory = GstRtspServer.RTSPMediaFactory.new()
# One pipeline for all players, without the delay of a jitter buffer; packets as large as those that come in.
factory.set_shared(True)
factory.set_latency(0)
factory.set_launch(
    f"( udpsrc address=127.0.0.1 port={os.environ['RTP_PORT']} buffer-size=4194304 "
    'caps="application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96,'
    f'sprop-parameter-sets=(string)\\"{parameter_sets}\\"" '
    "! rtph264depay ! rtph264pay name=pay0 pt=96 mtu=1212 )"
)
server.get_mount_points().add_factory("/bench", factory)
server.attach(None)
GLib.MainLoop().run()
