#!/usr/bin/env python3
"""Records the video of an RTSP stream as raw H.264, by ctypes alone.

    ./record.py rtsp://127.0.0.1:8554/live live.264 [FRAMES]

librillcast.so is looked for as any library is; RILLCAST_LIBRARY names another one.
"""
import ctypes as c
import os
import sys


class Span(c.Structure):
    _fields_ = [("data", c.c_void_p), ("size", c.c_size_t)]


class Frame(c.Structure):
    _fields_ = [
        ("spans", c.POINTER(Span)), ("span_count", c.c_size_t), ("size", c.c_size_t),
        ("time", c.c_int64), ("arrival_ns", c.c_uint64), ("clock_rate", c.c_uint32),
        ("track", c.c_uint32), ("flags", c.c_uint32), ("lost", c.c_uint32),
        ("owner", c.c_uint64), ("reserved", c.c_uint64 * 3),
    ]


OK, LAGGED = 0, 2
rill = c.CDLL(os.environ.get("RILLCAST_LIBRARY", "librillcast.so.0"))
rill.rill_last_error.restype = c.c_char_p
rill.rill_reader_next.argtypes = [c.c_void_p, c.c_int64, c.POINTER(Frame)]


def check(status):
    if status < 0:
        sys.exit("record: " + rill.rill_last_error().decode())
    return status


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: record.py rtsp://HOST/PATH FILE.264 [FRAMES]")
    wanted = int(sys.argv[3]) if len(sys.argv) > 3 else -1
    engine, reader, frame, frames = c.c_void_p(), c.c_void_p(), Frame(), 0
    check(rill.rill_engine_new(None, c.byref(engine)))
    check(rill.rill_engine_start(engine))
    check(rill.rill_engine_pull(engine, b"in", sys.argv[1].encode(), 2))
    check(rill.rill_reader_new(engine, b"in", None, c.byref(reader)))
    with open(sys.argv[2], "wb") as out:
        while frames != wanted:
            status = check(rill.rill_reader_next(reader, 10000, c.byref(frame)))
            if status == LAGGED:
                continue
            if status != OK:
                break
            if frame.track == 0:
                # The bytes are looked at where the kernel wrote them.
                for span in frame.spans[:frame.span_count]:
                    out.write((c.c_char * span.size).from_address(span.data))
                frames += 1
            check(rill.rill_frame_release(c.byref(frame)))
    print(frames, "frames")
    check(rill.rill_reader_free(reader))
    check(rill.rill_engine_free(engine))


main()
