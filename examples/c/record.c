/* Records the video of an RTSP stream as raw H.264.
 *
 * 1. pulls the stream into an engine, which puts packets in order and frames together;
 * 2. reads whole access units of the first H.264 track, from a key frame on;
 * 3. writes them with start codes by writev(2), straight from the buffers in which they came.
 *
 *     cc record.c $(pkg-config --cflags --libs rillcast) -o record
 *     ./record rtsp://127.0.0.1:8554/live live.264 [FRAMES] */
#define _POSIX_C_SOURCE 200809L /* O_CLOEXEC, also when C99 is all that is asked for */
#include <fcntl.h>
#include <rillcast.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define AT_ONCE 1024 /* IOV_MAX of Linux */

static int fail(const char *doing) {
    fprintf(stderr, "record: %s: %s\n", doing, rill_last_error());
    return 1;
}

/* Why no stream came: the engine's events know. */
static void explain(rill_engine *engine) {
    rill_event event;
    while (rill_engine_next_event(engine, 0, &event) == RILL_OK) {
        if (event.kind == RILL_EVENT_PULL_FAILED) fprintf(stderr, "record: %s\n", event.text);
        rill_event_release(&event);
    }
}

/* The first H.264 track and what a decoder has to know of it; -1 when there is none. */
static int find_video(rill_reader *reader, rill_track *track) {
    size_t count = 0;
    rill_reader_track_count(reader, &count);
    for (size_t i = 0; i < count; i++) {
        rill_track_init(track, sizeof *track);
        if (rill_reader_track(reader, i, track) == RILL_OK && track->codec == RILL_CODEC_H264)
            return (int)i;
    }
    return -1;
}

/* Writes a frame without copying it. A span has the layout of an iovec. */
static int write_frame(int file, const rill_frame *frame) {
    for (size_t done = 0; done < frame->span_count;) {
        struct iovec pieces[AT_ONCE];
        size_t count = frame->span_count - done < AT_ONCE ? frame->span_count - done : AT_ONCE;
        size_t size = 0;
        memcpy(pieces, frame->spans + done, count * sizeof *pieces);
        for (size_t i = 0; i < count; i++) size += pieces[i].iov_len;
        if (writev(file, pieces, (int)count) != (ssize_t)size) return -1;
        done += count;
    }
    return 0;
}

int main(int argc, char **argv) {
    rill_engine *engine = NULL;
    rill_reader *reader = NULL;
    rill_track track;
    rill_frame frame;
    rill_status status;
    if (argc < 3) {
        fprintf(stderr, "usage: %s rtsp://HOST/PATH FILE.264 [FRAMES]\n", argv[0]);
        return 2;
    }
    long wanted = argc > 3 ? atol(argv[3]) : 0, frames = 0;
    int file = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) {
        perror(argv[2]);
        return 1;
    }
    if (rill_engine_new(NULL, &engine) || rill_engine_start(engine) ||
        rill_engine_pull(engine, "in", argv[1], RILL_TRANSPORT_AUTO))
        return fail(argv[1]);
    if (rill_reader_new(engine, "in", NULL, &reader)) {
        explain(engine);
        return fail(argv[1]);
    }
    int video = find_video(reader, &track);
    if (video < 0) {
        fprintf(stderr, "record: no H.264 in it\n");
        return 1;
    }
    /* Cameras send their parameter sets in the session description, and not always in the stream. */
    if (write(file, track.extra, track.extra_size) != (ssize_t)track.extra_size) perror(argv[2]);
    while ((status = rill_reader_next(reader, 10000, &frame)) == RILL_OK || status == RILL_LAGGED) {
        if (status == RILL_LAGGED) {
            fprintf(stderr, "record: too slow for %u packets\n", (unsigned)frame.lost);
            continue;
        }
        if ((int)frame.track == video) {
            if (write_frame(file, &frame) != 0) perror(argv[2]);
            frames++;
        }
        rill_frame_release(&frame);
        if (wanted > 0 && frames >= wanted) break;
    }
    if (status < 0) return fail("reading");
    printf("%ld frames\n", frames);
    rill_reader_free(reader);
    rill_engine_free(engine);
    return close(file) != 0;
}
