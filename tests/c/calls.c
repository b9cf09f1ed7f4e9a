/* What neither the examples nor misuse.c call, called as it is meant: an encoder's access units go into a stream and come
 * out of a reader as AVCC, to a child with limits of its own, and to another server; figures, features, log lines. */
#define _GNU_SOURCE
#include <rillcast.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CHECK(condition)                                                                                   \
    do {                                                                                                   \
        if (!(condition)) {                                                                                \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, rill_last_error());        \
            exit(1);                                                                                       \
        }                                                                                                  \
    } while (0)
#define OK(call) CHECK((call) == RILL_OK)

static atomic_int lines, refused;

static void line(void *user, int32_t level, const char *target, const char *text) {
    atomic_fetch_add(&lines, level > 0 && target[0] != '\0' && text[0] != '\0');
    if (rill_engine_stop(*(rill_engine **)user) == RILL_ERROR_BUSY) atomic_fetch_add(&refused, 1);
}

static rill_engine *server(uint16_t *port) {
    rill_engine *engine = NULL;
    OK(rill_engine_new(NULL, &engine));
    OK(rill_engine_start(engine));
    OK(rill_engine_listen(engine, "127.0.0.1:0", port));
    return engine;
}

static void await(rill_engine *engine, rill_event_kind wanted) {
    for (int32_t kind = -1; kind != (int32_t)wanted;) {
        rill_event event;
        OK(rill_engine_next_event(engine, 30000, &event));
        kind = event.kind;
        rill_event_release(&event);
    }
}

/* The defaults are those that the header names. */
static void defaults(void) {
    rill_engine_config of;
    OK(rill_engine_config_init(&of, sizeof of));
    CHECK(of.ring_packets == 8192 && of.max_readers == 32 && of.buffer_bytes == 32u << 20);
    CHECK(of.history_ms == 4000 && of.max_lag_ms == 3000 && of.cut_off_ms == 10000 && of.burst_bytes == 4096);
    CHECK(of.start == RILL_START_KEY_FRAME && of.session_timeout_ms == 60000 && of.connect_timeout_ms == 10000);
    CHECK(of.max_connections == 10000 && of.max_streams == 4096 && of.max_connections_per_address == 5000);
    CHECK(of.udp_receive_buffer == 4u << 20 && of.udp_send_buffer == 4u << 20 && of.udp_gro == 1);
    CHECK(of.access == RILL_ACCESS_ALL && of.linger_ms == 0 && of.takeover == 0 && of.retransmission == 0);
    CHECK(of.total_buffer_bytes == (uint64_t)4 << 30 && of.access_timeout_ms == 10000);
    CHECK(of.multicast == NULL && of.multicast_interface == NULL && of.multicast_ttl == 1);
    CHECK(of.workers == 0 && of.pin == 0 && of.backend == RILL_BACKEND_AUTO);
}

int main(void) {
    static const uint8_t unit[] = {0, 0, 0, 1, 0x65, 0x88, 0x80}, sample[] = {0, 0, 0, 3, 0x65, 0x88, 0x80};
    static rill_engine *engine, *other;
    uint16_t port = 0;
    defaults();
    engine = server(&port);
    OK(rill_log_set(RILL_LOG_INFO, line, &engine));
    other = server(&port);

    rill_encoded_track encoded;
    rill_source *source = NULL;
    OK(rill_encoded_track_init(&encoded, sizeof encoded));
    encoded.codec = RILL_CODEC_H264;
    OK(rill_source_new_media(engine, "m", &encoded, 1, &source));
    CHECK(atomic_load(&lines) > 0 && atomic_load(&refused) == atomic_load(&lines));
    OK(rill_log_set(RILL_LOG_OFF, NULL, NULL));

    rill_reader_config reading;
    rill_reader *reader = NULL;
    const char *sdp = NULL;
    OK(rill_reader_config_init(&reading, sizeof reading));
    reading.format = RILL_FORMAT_AVCC;
    OK(rill_reader_new(engine, "m", &reading, &reader));
    OK(rill_reader_sdp(reader, &sdp));
    CHECK(strstr(sdp, "H264/90000") != NULL);

    /* a child that is paused, written to and resumed */
    rill_child_config serving;
    uint64_t child = 0;
    int pair[2];
    char got[5] = "";
    struct timeval patience = {30, 0};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    OK(rill_child_config_init(&serving, sizeof serving));
    serving.paused = 1, serving.max_lag_ms = 500, serving.cut_off_ms = 30000;
    OK(rill_child_add_fd(engine, "m", &serving, pair[0], NULL, 1, &child));
    OK(rill_child_write(engine, child, (const uint8_t *)"HELLO", 5));
    CHECK(recv(pair[1], got, 5, MSG_WAITALL) == 5 && memcmp(got, "HELLO", 5) == 0);
    OK(rill_child_resume(engine, child, RILL_START_LIVE));

    rill_frame frame;
    uint8_t bytes[sizeof sample];
    int64_t time = 0;
    uint64_t ntp = 0;
    OK(rill_source_push_frame(source, 0, unit, sizeof unit, 1000000000));
    OK(rill_reader_next(reader, 30000, &frame));
    CHECK(frame.size == sizeof sample && (frame.flags & RILL_FRAME_KEY) != 0);
    OK(rill_frame_copy(&frame, bytes, sizeof bytes));
    CHECK(memcmp(bytes, sample, sizeof sample) == 0);
    CHECK(rill_reader_clock(reader, 0, &time, &ntp) >= 0);
    OK(rill_frame_release(&frame));
    CHECK(recv(pair[1], got, 1, MSG_WAITALL) == 1 && got[0] == '$');

    char url[64];
    snprintf(url, sizeof url, "rtsp://127.0.0.1:%u/copy", (unsigned)port);
    OK(rill_engine_push(engine, "m", url, RILL_TRANSPORT_TCP));
    await(engine, RILL_EVENT_PUSH_STARTED);
    await(other, RILL_EVENT_STREAM_STARTED);

    rill_engine_figures all;
    rill_stream_figures streams[2];
    rill_track_figures track;
    size_t count = 0;
    uint64_t dropped = 0;
    OK(rill_engine_figures_init(&all, sizeof all));
    OK(rill_engine_get_figures(engine, &all));
    CHECK(all.streams == 1 && all.backend[0] != '\0' && all.backend_reason[0] != '\0' && all.cpu_ns > 0);
    for (int i = 0; i < 2; i++) OK(rill_stream_figures_init(&streams[i], sizeof streams[i]));
    OK(rill_stream_list(engine, streams, 2, &count));
    CHECK(count == 1 && strcmp(streams[0].path, "m") == 0 && streams[0].received > 0);
    for (size_t i = 0; i < RILL_CAUSES; i++) {
        dropped += streams[0].dropped[i];
        CHECK(rill_cause_name(i) != NULL || streams[0].dropped[i] == 0);
    }
    CHECK(streams[0].received == streams[0].published + streams[0].consumed + dropped);
    OK(rill_track_figures_init(&track, sizeof track));
    OK(rill_track_get_figures(engine, "m", 0, &track));
    CHECK(strcmp(track.codec, "H264") == 0 && track.key_frames == 1);
    CHECK(rill_has_feature(rill_feature(0)) == 1 && rill_has_feature("teleport") == 0);
    CHECK(strcmp(rill_version(), RILL_VERSION) == 0);

    OK(rill_reader_free(reader));
    OK(rill_source_free(source));
    OK(rill_engine_free(engine));
    OK(rill_engine_free(other));
    close(pair[1]);
    printf("every call did what it says\n");
    return 0;
}
