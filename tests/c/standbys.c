/* Servers that stand by, from C: a stream comes by way of two relays; the program moves it from one to the other,
 * then that one ends. No packet may be missing or come twice.
 *
 *     origin ─┬─ left  ─┐
 *             └─ right ─┴─ player */
#include <pthread.h>
#include <rillcast.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition)                                                                                   \
    do {                                                                                                   \
        if (!(condition)) {                                                                                \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, rill_last_error());        \
            exit(1);                                                                                       \
        }                                                                                                  \
    } while (0)

static const char SDP[] = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\n"
                          "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
static const int64_t PATIENCE = 30000;
static atomic_int over;

/* Pushes a key frame of one packet every 5 ms. */
static void *publish(void *source) {
    for (unsigned n = 1; !atomic_load(&over); n++) {
        uint8_t packet[15] = {0x80, 0x80 | 96, (uint8_t)(n >> 8), (uint8_t)n};
        uint32_t time = n * 450;
        for (int i = 0; i < 4; i++) packet[4 + i] = (uint8_t)(time >> (24 - 8 * i));
        packet[11] = 9, packet[12] = 0x65, packet[13] = 0x88, packet[14] = 0x80;
        CHECK(rill_source_push_rtp(source, 0, packet, sizeof packet) == RILL_OK);
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    return NULL;
}

/* An engine, and the URL of its stream. */
static rill_engine *server(char *url, size_t size) {
    rill_engine *engine = NULL;
    uint16_t port = 0;
    CHECK(rill_engine_new(NULL, &engine) == RILL_OK && rill_engine_start(engine) == RILL_OK);
    CHECK(rill_engine_listen(engine, "127.0.0.1:0", &port) == RILL_OK);
    snprintf(url, size, "rtsp://127.0.0.1:%u/a", (unsigned)port);
    return engine;
}

static rill_event await(rill_engine *engine, rill_event_kind wanted) {
    rill_event event;
    for (;;) {
        CHECK(rill_engine_next_event(engine, PATIENCE, &event) == RILL_OK);
        printf("%d %s %s\n", (int)event.kind, event.peer, event.text);
        if (event.kind == (int32_t)wanted) return event;
        rill_event_release(&event);
    }
}

/* Reads so many packets, each the successor of the one before. */
static void follow(rill_reader *reader, int count) {
    static int last = -1;
    rill_frame run;
    while (count > 0) {
        CHECK(rill_reader_next(reader, PATIENCE, &run) == RILL_OK);
        for (size_t i = 0; i < run.span_count && !(run.flags & RILL_FRAME_RTCP); i++, count--) {
            int sequence = run.spans[i].data[2] << 8 | run.spans[i].data[3];
            CHECK(last < 0 || sequence == ((last + 1) & 0xffff));
            last = sequence;
        }
        rill_frame_release(&run);
    }
}

static void expect_switch(rill_engine *engine, const char *to) {
    rill_event event = await(engine, RILL_EVENT_UPSTREAM_SWITCHED);
    CHECK(strcmp(event.peer, to) == 0);
    CHECK(event.missing == 0);
    CHECK(rill_event_release(&event) == RILL_OK);
}

int main(void) {
    char first[64], left_url[64], right_url[64], own[64];
    pthread_t publisher;
    rill_source *source = NULL;
    rill_reader *reader = NULL;
    rill_engine *origin = server(first, sizeof first), *left = server(left_url, sizeof left_url);
    rill_engine *right = server(right_url, sizeof right_url), *player = server(own, sizeof own);
    CHECK(rill_source_new_rtp(origin, "a", SDP, &source) == RILL_OK);
    CHECK(pthread_create(&publisher, NULL, publish, source) == 0);
    rill_engine *both[] = {left, right};
    for (int i = 0; i < 2; i++) {
        CHECK(rill_engine_pull(both[i], "a", first, RILL_TRANSPORT_TCP) == RILL_OK);
        rill_event event = await(both[i], RILL_EVENT_STREAM_STARTED);
        rill_event_release(&event);
    }
    const char *urls[] = {left_url, right_url}, *swapped[] = {right_url, left_url};
    CHECK(rill_engine_set_upstreams(player, "a", urls, 2, 0) == RILL_ERROR_NO_STREAM);
    CHECK(rill_engine_pull_from(player, "a", urls, 2, RILL_TRANSPORT_TCP) == RILL_OK);
    rill_event event = await(player, RILL_EVENT_STANDBY_READY);
    CHECK(strcmp(event.peer, right_url) == 0);
    rill_event_release(&event);

    rill_reader_config config;
    rill_reader_config_init(&config, sizeof config);
    config.format = RILL_FORMAT_RTP;
    config.start = RILL_START_LIVE;
    CHECK(rill_reader_new(player, "a", &config, &reader) == RILL_OK);
    follow(reader, 50);
    CHECK(rill_engine_set_upstreams(player, "a", swapped, 2, RILL_TRANSPORT_TCP) == RILL_OK);
    expect_switch(player, right_url);
    event = await(player, RILL_EVENT_STANDBY_READY);
    rill_event_release(&event);
    follow(reader, 50);
    CHECK(rill_engine_free(right) == RILL_OK);
    expect_switch(player, left_url);
    follow(reader, 50);

    atomic_store(&over, 1);
    pthread_join(publisher, NULL);
    CHECK(rill_reader_free(reader) == RILL_OK && rill_source_free(source) == RILL_OK);
    CHECK(rill_engine_free(player) == RILL_OK && rill_engine_free(left) == RILL_OK);
    CHECK(rill_engine_free(origin) == RILL_OK);
    printf("nothing was lost\n");
    return 0;
}
