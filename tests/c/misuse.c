/* Everything that must not be done to the library, done: each has to be answered by an error.
 *
 *     misuse          the sequences, then 100 threads on shared objects for a second
 *     misuse ROUNDS   rounds of making and freeing in every order; memory, threads and descriptors must be
 *                     where they were */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <rillcast.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EXPECT(wanted, call)                                                                               \
    do {                                                                                                   \
        rill_status got_ = (call);                                                                         \
        if (got_ != (wanted)) {                                                                            \
            fprintf(stderr, "%s:%d: %s gave %s, not %s (%s)\n", __FILE__, __LINE__, #call,                 \
                    rill_status_name(got_), rill_status_name(wanted), rill_last_error());                  \
            exit(1);                                                                                       \
        }                                                                                                  \
    } while (0)

static const char SDP[] = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\n"
                          "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";

/* The packet of a key frame. */
static void packet(uint8_t *to, unsigned sequence) {
    memset(to, 0, 16);
    to[0] = 0x80, to[1] = 0x80 | 96, to[2] = (uint8_t)(sequence >> 8), to[3] = (uint8_t)sequence;
    to[6] = to[2], to[7] = to[3], to[11] = 9, to[12] = 0x65, to[13] = 0x88, to[14] = 0x80;
}

static rill_engine *engine_new(void) {
    rill_engine *engine = NULL;
    EXPECT(RILL_OK, rill_engine_new(NULL, &engine));
    EXPECT(RILL_OK, rill_engine_start(engine));
    return engine;
}

static void sequences(void) {
    rill_engine *engine = NULL, *other = NULL;
    rill_reader *reader = NULL;
    rill_source *source = NULL;
    rill_frame frame = {0}, copy, second;
    rill_event event = {0};
    uint64_t child = 77;
    uint8_t bytes[16];
    int fd = -1;

    /* NULL */
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_new(NULL, NULL));
    EXPECT(RILL_ERROR_HANDLE, rill_engine_start(NULL));
    EXPECT(RILL_OK, rill_engine_free(NULL));
    EXPECT(RILL_OK, rill_reader_free(NULL));
    EXPECT(RILL_OK, rill_source_free(NULL));
    EXPECT(RILL_ERROR_ARGUMENT, rill_frame_release(NULL));
    EXPECT(RILL_OK, rill_frame_release(&frame));
    EXPECT(RILL_ERROR_HANDLE, rill_reader_next(NULL, 0, &frame));
    EXPECT(RILL_ERROR_ARGUMENT, rill_reader_next(NULL, 0, NULL));
    EXPECT(RILL_ERROR_HANDLE, rill_source_push_rtp(NULL, 0, bytes, sizeof bytes));

    /* before the start, and configurations without sense */
    rill_engine_config config;
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_config_init(&config, 7));
    EXPECT(RILL_OK, rill_engine_config_init(&config, sizeof config));
    config.start = 99;
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_new(&config, &engine));
    rill_engine_config_init(&config, sizeof config);
    config.multicast = "10.0.0.0/8";
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_new(&config, &engine));
    config.multicast = "239.1.2.0/24", config.multicast_ttl = 0;
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_new(&config, &engine));
    config.multicast_ttl = 1, config.multicast_interface = "eth0";
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_new(&config, &engine));
    config.workers = 257, config.multicast = NULL;
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_new(&config, &engine));
    config.workers = 0, config.backend = 99;
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_new(&config, &engine));
    config.struct_size = SIZE_MAX;
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_new(&config, &engine));
    EXPECT(RILL_OK, rill_engine_new(NULL, &engine));
    EXPECT(RILL_ERROR_STOPPED, rill_engine_listen(engine, "127.0.0.1:0", NULL));
    EXPECT(RILL_ERROR_STOPPED, rill_engine_next_event(engine, 0, &event));
    EXPECT(RILL_OK, rill_engine_start(engine));
    EXPECT(RILL_OK, rill_engine_start(engine));

    /* arguments without sense */
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_listen(engine, "nowhere", NULL));
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_listen(engine, NULL, NULL));
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_listen(engine, "\xff\xfe", NULL));
    EXPECT(RILL_ERROR_URL, rill_engine_pull(engine, "a", "http://x/", 0));
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_pull(engine, "a", "rtsp://127.0.0.1/", 12345));
    EXPECT(RILL_ERROR_SDP, rill_source_new_rtp(engine, "a", "no sdp", &source));
    EXPECT(RILL_OK, rill_source_new_rtp(engine, "a", SDP, &source));
    rill_source *twin = NULL;
    EXPECT(RILL_ERROR_PATH_TAKEN, rill_source_new_rtp(engine, "a", SDP, &twin));
    const char *urls[] = {"rtsp://127.0.0.1:1/x", NULL, "http://x/"};
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_pull_from(engine, "p", urls, 0, 0));
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_pull_from(engine, "p", urls, SIZE_MAX, 0));
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_pull_from(engine, "p", NULL, 1, 0));
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_pull_from(engine, "p", urls, 2, 0));
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_pull_from(engine, "p", urls, 1, -1));
    EXPECT(RILL_ERROR_URL, rill_engine_pull_from(engine, "p", urls + 2, 1, 0));
    EXPECT(RILL_ERROR_NO_STREAM, rill_engine_set_upstreams(engine, "p", urls, 1, 0));
    EXPECT(RILL_ERROR_URL, rill_engine_pull_on_demand(engine, "d", "http://x/", 0, 0));
    EXPECT(RILL_OK, rill_engine_pull_on_demand(engine, "d", "rtsp://127.0.0.1:1/x", 0, UINT32_MAX));
    EXPECT(RILL_OK, rill_engine_forget_on_demand(engine, "d"));
    EXPECT(RILL_OK, rill_engine_forget_on_demand(engine, "never was"));
    EXPECT(RILL_ERROR_ARGUMENT, rill_engine_set_fallback(engine, "f", "f"));
    EXPECT(RILL_OK, rill_engine_set_fallback(engine, "f", "a"));
    EXPECT(RILL_OK, rill_engine_set_fallback(engine, "f", NULL));
    EXPECT(RILL_ERROR_NO_STREAM, rill_engine_end_stream(engine, "nothing"));
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_key_frame_wanted(source, 0, NULL));
    int32_t wanted = -1;
    EXPECT(RILL_OK, rill_source_key_frame_wanted(source, SIZE_MAX, &wanted));
    if (wanted != 0) exit(2);

    /* histograms */
    rill_histogram latency;
    uint64_t ns = 5;
    EXPECT(RILL_ERROR_ARGUMENT, rill_histogram_init(&latency, 8));
    EXPECT(RILL_OK, rill_histogram_init(&latency, sizeof latency));
    EXPECT(RILL_OK, rill_stream_get_latency(engine, "a", &latency));
    EXPECT(RILL_OK, rill_histogram_quantile(&latency, 0.99, &ns));
    if (ns != 0) exit(2); /* nothing was sent */
    latency.counts[0] = UINT64_MAX, latency.counts[RILL_BUCKETS - 1] = UINT64_MAX;
    EXPECT(RILL_OK, rill_histogram_quantile(&latency, 1, &ns));
    EXPECT(RILL_ERROR_ARGUMENT, rill_histogram_quantile(&latency, -1, &ns));
    EXPECT(RILL_ERROR_ARGUMENT, rill_histogram_quantile(NULL, 0.5, &ns));
    if (rill_histogram_bucket_end(0) != 1000 || rill_histogram_bucket_end(SIZE_MAX) != 0) exit(2);

    /* measurements without sense */
    rill_bench_config bench;
    rill_bench_result found;
    EXPECT(RILL_ERROR_ARGUMENT, rill_bench_config_init(&bench, 1));
    EXPECT(RILL_OK, rill_bench_config_init(&bench, sizeof bench));
    EXPECT(RILL_OK, rill_bench_result_init(&found, sizeof found));
    EXPECT(RILL_ERROR_ARGUMENT, rill_bench_fanout(&bench, NULL, NULL));
    bench.children = UINT32_MAX;
    EXPECT(RILL_ERROR_ARGUMENT, rill_bench_fanout(&bench, NULL, &found));
    bench.children = 1, bench.fps = 0;
    EXPECT(RILL_ERROR_ARGUMENT, rill_bench_fanout(&bench, NULL, &found));
    bench.fps = 30, bench.transport = RILL_TRANSPORT_AUTO;
    EXPECT(RILL_ERROR_ARGUMENT, rill_bench_fanout(&bench, NULL, &found));
    if (found.packets != 0) exit(2);

    /* questions that nobody asked */
    rill_access access = {0};
    EXPECT(RILL_ERROR_UNSUPPORTED, rill_engine_next_access(engine, 0, &access));
    EXPECT(RILL_OK, rill_access_allow(&access));
    access.owner = 1;
    EXPECT(RILL_ERROR_HANDLE, rill_access_deny(&access));
    EXPECT(RILL_ERROR_ARGUMENT, rill_access_challenge(NULL, "realm"));

    /* handles of another kind, and made up */
    EXPECT(RILL_ERROR_HANDLE, rill_reader_free((rill_reader *)(void *)source));
    EXPECT(RILL_ERROR_HANDLE, rill_engine_stop((rill_engine *)(void *)bytes));
    EXPECT(RILL_ERROR_HANDLE, rill_engine_stop((rill_engine *)UINTPTR_MAX));
    EXPECT(RILL_ERROR_HANDLE, rill_engine_stop((rill_engine *)((uintptr_t)engine ^ 1)));

    /* absurd sizes */
    packet(bytes, 0);
    EXPECT(RILL_ERROR_NO_TRACK, rill_source_push_rtp(source, 1, bytes, sizeof bytes));
    EXPECT(RILL_ERROR_NO_TRACK, rill_source_push_rtp(source, SIZE_MAX, bytes, sizeof bytes));
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_push_rtp(source, 0, NULL, 5));
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_push_rtp(source, 0, bytes, SIZE_MAX));
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_push_rtp(source, 0, bytes, 70000));
    rill_span absurd = {bytes, SIZE_MAX};
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_push_rtp_batch(source, 0, &absurd, 1));
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_push_rtp_batch(source, 0, &absurd, SIZE_MAX));
    EXPECT(RILL_ERROR_UNSUPPORTED, rill_source_push_frame(source, 0, bytes, sizeof bytes, 0));
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_new_media(engine, "b", NULL, 1, &twin));
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_new_media(engine, "b", NULL, SIZE_MAX, &twin));
    rill_encoded_track encoded;
    rill_encoded_track_init(&encoded, sizeof encoded);
    encoded.codec = RILL_CODEC_H264;
    EXPECT(RILL_OK, rill_source_new_media(engine, "b", &encoded, 1, &twin));
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_push_frame(twin, 0, bytes, 0, 0));
    EXPECT(RILL_ERROR_ARGUMENT, rill_source_push_frame(twin, 0, bytes + 12, 3, 0)); /* no start code */
    EXPECT(RILL_OK, rill_source_push_frame(twin, 0, (const uint8_t *)"\0\0\1\x65\x88", 5, 0));
    EXPECT(RILL_OK, rill_engine_end_stream(engine, "b"));
    EXPECT(RILL_ERROR_NO_STREAM, rill_source_push_frame(twin, 0, (const uint8_t *)"\0\0\1\x65\x88", 5, 0));
    EXPECT(RILL_OK, rill_source_free(twin));
    EXPECT(RILL_OK, rill_source_new_rtp(engine, "b", SDP, &twin));
    EXPECT(RILL_OK, rill_source_push_rtp(twin, 0, bytes, sizeof bytes));
    EXPECT(RILL_OK, rill_engine_end_stream(engine, "b"));
    EXPECT(RILL_ERROR_NO_STREAM, rill_source_push_rtp(twin, 0, bytes, sizeof bytes));
    EXPECT(RILL_OK, rill_source_free(twin));
    EXPECT(RILL_ERROR_ARGUMENT, rill_child_add_udp(engine, "a", NULL, NULL, NULL, 1, &child));
    EXPECT(RILL_ERROR_ARGUMENT, rill_child_add_fd(engine, "a", NULL, -1, NULL, 1, &child));
    EXPECT(RILL_ERROR_SYSTEM, rill_child_add_fd(engine, "a", NULL, 9999, NULL, 1, &child));
    EXPECT(RILL_ERROR_SYSTEM, rill_child_add_fd(engine, "a", NULL, 0, NULL, 1, &child));
    EXPECT(RILL_ERROR_ARGUMENT, rill_child_add_fd(engine, "a", NULL, 0, NULL, SIZE_MAX, &child));
    EXPECT(RILL_ERROR_NO_CHILD, rill_child_remove(engine, 12345));
    if (child != 77) exit(2); /* outputs are written only on success */

    /* frames: the limit, copies, double release */
    rill_reader_config reading;
    rill_reader_config_init(&reading, sizeof reading);
    reading.max_frames = 2;
    reading.track = 3;
    EXPECT(RILL_ERROR_NO_TRACK, rill_reader_new(engine, "a", &reading, &reader));
    reading.track = -1;
    reading.wait_ms = 0;
    EXPECT(RILL_ERROR_NO_STREAM, rill_reader_new(engine, "nothing", &reading, &reader));
    EXPECT(RILL_OK, rill_reader_new(engine, "a", &reading, &reader));
    EXPECT(RILL_OK, rill_reader_fd(reader, &fd));
    EXPECT(RILL_AGAIN, rill_reader_next(reader, 0, &frame));
    for (unsigned i = 0; i < 4; i++) {
        packet(bytes, i);
        EXPECT(RILL_OK, rill_source_push_rtp(source, 0, bytes, sizeof bytes));
    }
    EXPECT(RILL_OK, rill_reader_next(reader, 5000, &frame));
    EXPECT(RILL_ERROR_ARGUMENT, rill_frame_copy(&frame, bytes, 1));
    EXPECT(RILL_OK, rill_frame_copy(&frame, bytes, sizeof bytes));
    EXPECT(RILL_OK, rill_frame_ref(&frame, &second));
    EXPECT(RILL_ERROR_FRAMES_HELD, rill_reader_next(reader, 5000, &copy));
    EXPECT(RILL_ERROR_FRAMES_HELD, rill_frame_ref(&frame, &copy));
    copy = frame;
    EXPECT(RILL_OK, rill_frame_release(&frame));
    EXPECT(RILL_OK, rill_frame_release(&frame));
    EXPECT(RILL_ERROR_HANDLE, rill_frame_release(&copy));
    EXPECT(RILL_OK, rill_reader_next(reader, 5000, &frame));

    /* a freed engine with frames held: the bytes stay, all else is refused */
    other = engine;
    EXPECT(RILL_OK, rill_engine_free(engine));
    EXPECT(RILL_ERROR_HANDLE, rill_engine_free(other));
    EXPECT(RILL_ERROR_HANDLE, rill_engine_next_event(other, 0, &event));
    if (second.spans[second.span_count - 1].data[0] != 0x65) exit(3);
    EXPECT(RILL_OK, rill_frame_release(&second));
    while (rill_reader_next(reader, 1000, &copy) == RILL_OK) rill_frame_release(&copy);
    EXPECT(RILL_END, rill_reader_next(reader, 0, &copy));
    EXPECT(RILL_ERROR_STOPPED, rill_source_push_rtp(source, 0, bytes, sizeof bytes));
    EXPECT(RILL_OK, rill_reader_free(reader));
    EXPECT(RILL_ERROR_HANDLE, rill_reader_free(reader));
    if (frame.spans[frame.span_count - 1].data[0] != 0x65) exit(4);
    EXPECT(RILL_OK, rill_frame_release(&frame));
    EXPECT(RILL_OK, rill_source_free(source));
    EXPECT(RILL_ERROR_HANDLE, rill_source_free(source));
}

/* Frames that are held are buffers that a source cannot fill: it says so, and goes on when they are released. */
static void held_buffers(void) {
    enum { SIZE = 60000, MOST = 1000 }; /* four packets to a buffer */
    static uint8_t large[SIZE];
    static rill_frame held[MOST];
    rill_engine *engine = NULL;
    rill_source *source = NULL;
    rill_reader *reader = NULL;
    rill_engine_config config;
    rill_reader_config reading;
    rill_stream_figures figures;
    rill_status status = RILL_OK;
    unsigned count = 0;
    EXPECT(RILL_OK, rill_engine_config_init(&config, sizeof config));
    config.buffer_bytes = config.total_buffer_bytes = 1 << 20; /* four buffers, the fewest there may be */
    EXPECT(RILL_OK, rill_engine_new(&config, &engine));
    EXPECT(RILL_OK, rill_engine_start(engine));
    EXPECT(RILL_OK, rill_source_new_rtp(engine, "a", SDP, &source));
    EXPECT(RILL_OK, rill_reader_config_init(&reading, sizeof reading));
    reading.max_frames = MOST;
    EXPECT(RILL_OK, rill_reader_new(engine, "a", &reading, &reader));
    memset(large, 1, sizeof large);
    while (count < MOST) {
        packet(large, count);
        status = rill_source_push_rtp(source, 0, large, sizeof large);
        if (status != RILL_OK) break;
        EXPECT(RILL_OK, rill_reader_next(reader, 60000, &held[count++]));
    }
    if (status != RILL_ERROR_NO_BUFFER || count != 16) {
        fprintf(stderr, "%s after %u frames (%s)\n", rill_status_name(status), count, rill_last_error());
        exit(7);
    }
    EXPECT(RILL_OK, rill_stream_figures_init(&figures, sizeof figures));
    EXPECT(RILL_OK, rill_stream_get_figures(engine, "a", &figures));
    for (size_t i = 0; rill_cause_name(i) != NULL; i++)
        if (figures.dropped[i] != (strcmp(rill_cause_name(i), "pool_spent") == 0)) exit(8);
    while (count > 0) EXPECT(RILL_OK, rill_frame_release(&held[--count]));
    EXPECT(RILL_OK, rill_source_push_rtp(source, 0, large, sizeof large));
    EXPECT(RILL_OK, rill_reader_free(reader));
    EXPECT(RILL_OK, rill_source_free(source));
    EXPECT(RILL_OK, rill_engine_free(engine));
}

/* As many sources as streams, also when their streams have ended. */
static void many_sources(void) {
    rill_engine *engine = NULL;
    rill_source *first = NULL, *second = NULL;
    rill_engine_config config;
    EXPECT(RILL_OK, rill_engine_config_init(&config, sizeof config));
    config.max_streams = 1;
    EXPECT(RILL_OK, rill_engine_new(&config, &engine));
    EXPECT(RILL_OK, rill_engine_start(engine));
    EXPECT(RILL_OK, rill_source_new_rtp(engine, "a", SDP, &first));
    EXPECT(RILL_OK, rill_engine_end_stream(engine, "a"));
    EXPECT(RILL_ERROR_TOO_MANY, rill_source_new_rtp(engine, "b", SDP, &second));
    EXPECT(RILL_OK, rill_source_free(first));
    EXPECT(RILL_ERROR_SDP, rill_source_new_rtp(engine, "b", "no sdp", &second)); /* takes no place */
    EXPECT(RILL_OK, rill_engine_stop(engine));
    EXPECT(RILL_OK, rill_engine_start(engine));
    EXPECT(RILL_OK, rill_source_new_rtp(engine, "b", SDP, &second));
    EXPECT(RILL_OK, rill_source_free(second));
    EXPECT(RILL_OK, rill_engine_free(engine));
}

static rill_engine *shared_engine;
static _Atomic(rill_reader *) shared_reader;
static _Atomic(rill_source *) shared_source;
static atomic_int over;

/* Uses, and frees, what other threads use. Any status will do; a crash or a sanitizer's report will not. */
static void *reckless(void *seed) {
    unsigned dice = (unsigned)(uintptr_t)seed;
    uint8_t bytes[16];
    while (!atomic_load(&over)) {
        rill_frame frame = {0}, copy;
        rill_reader *reader = atomic_load(&shared_reader);
        rill_source *source = atomic_load(&shared_source);
        packet(bytes, dice);
        rill_source_push_rtp(source, 0, bytes, sizeof bytes);
        if (rill_reader_next(reader, 1, &frame) == RILL_OK) {
            copy = frame;
            rill_frame_release(&frame);
            rill_frame_release(&copy);
        }
        sched_yield(); /* else what valgrind runs one at a time never comes to the others */
        dice = dice * 1103515245u + 12345u;
        if ((dice >> 16) % 64 == 0) {
            rill_reader_free(reader);
            if (rill_reader_new(shared_engine, "a", NULL, &reader) == RILL_OK)
                rill_reader_free(atomic_exchange(&shared_reader, reader));
        }
        if ((dice >> 16) % 64 == 1) {
            rill_source_free(source);
            if (rill_source_new_rtp(shared_engine, "a", SDP, &source) == RILL_OK)
                rill_source_free(atomic_exchange(&shared_source, source));
        }
    }
    return NULL;
}

/* Does what is allowed, with a stream of its own on an engine that many threads use. All of it succeeds. */
static void *careful(void *number) {
    char path[32];
    rill_source *source = NULL;
    rill_reader *reader = NULL;
    rill_stream_figures stream;
    rill_child_figures figures;
    snprintf(path, sizeof path, "t/%u", (unsigned)(uintptr_t)number);
    rill_stream_figures_init(&stream, sizeof stream);
    rill_child_figures_init(&figures, sizeof figures);
    EXPECT(RILL_OK, rill_source_new_rtp(shared_engine, path, SDP, &source));
    EXPECT(RILL_OK, rill_reader_new(shared_engine, path, NULL, &reader));
    for (unsigned i = 0; i < 5; i++) {
        rill_frame frame = {0}, second = {0};
        uint64_t child = 0;
        uint8_t bytes[16];
        int pair[2];
        packet(bytes, i);
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) exit(6);
        EXPECT(RILL_OK, rill_child_add_fd(shared_engine, path, NULL, pair[0], NULL, 1, &child));
        EXPECT(RILL_OK, rill_source_push_rtp(source, 0, bytes, sizeof bytes));
        EXPECT(RILL_OK, rill_reader_next(reader, 60000, &frame));
        EXPECT(RILL_OK, rill_frame_ref(&frame, &second));
        EXPECT(RILL_OK, rill_frame_release(&frame));
        EXPECT(RILL_OK, rill_frame_release(&second));
        EXPECT(RILL_OK, rill_stream_get_figures(shared_engine, path, &stream));
        EXPECT(RILL_OK, rill_child_get_figures(shared_engine, child, &figures));
        EXPECT(RILL_OK, rill_child_pause(shared_engine, child));
        EXPECT(RILL_OK, rill_child_remove(shared_engine, child));
        close(pair[1]);
    }
    EXPECT(RILL_OK, rill_reader_free(reader));
    EXPECT(RILL_OK, rill_source_free(source));
    return NULL;
}

static void together(int count) {
    pthread_t all[128];
    shared_engine = engine_new();
    for (int i = 0; i < count; i++) pthread_create(&all[i], NULL, careful, (void *)(uintptr_t)(i + 1));
    for (int i = 0; i < count; i++) pthread_join(all[i], NULL);
    EXPECT(RILL_OK, rill_engine_free(shared_engine));
}

static void threads(int count) {
    pthread_t all[128];
    shared_engine = engine_new();
    rill_source *source = NULL;
    rill_reader *reader = NULL;
    EXPECT(RILL_OK, rill_source_new_rtp(shared_engine, "a", SDP, &source));
    EXPECT(RILL_OK, rill_reader_new(shared_engine, "a", NULL, &reader));
    atomic_store(&shared_source, source);
    atomic_store(&shared_reader, reader);
    for (int i = 0; i < count; i++) pthread_create(&all[i], NULL, reckless, (void *)(uintptr_t)(i + 1));
    nanosleep(&(struct timespec){1, 0}, NULL);
    EXPECT(RILL_OK, rill_engine_free(shared_engine)); /* while they are at it */
    atomic_store(&over, 1);
    for (int i = 0; i < count; i++) pthread_join(all[i], NULL);
    rill_source_free(atomic_load(&shared_source));
    rill_reader_free(atomic_load(&shared_reader));
}

static long entries(const char *folder) {
    long count = 0;
    DIR *all = opendir(folder);
    while (all != NULL && readdir(all) != NULL) count++;
    if (all != NULL) closedir(all);
    return count;
}

/* How many threads more there are than entries were. The kernel lists a thread for a moment after it was
 * joined, longer on a busy machine: only one that stays for half a minute lives. */
static long threads_since(long before) {
    long more = 0;
    for (int patience = 30000; patience > 0; patience--) {
        more = entries("/proc/self/task") - before;
        if (more <= 0) break;
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    return more;
}

static long resident(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1) exit(5);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}

/* Makes one of each, passes packets, frees them in one of the 24 orders. */
static void round_trip(unsigned order) {
    rill_engine *engine = engine_new();
    rill_source *source = NULL;
    rill_reader *reader = NULL;
    rill_frame frame = {0};
    uint64_t child;
    uint8_t bytes[16];
    int pair[2];
    EXPECT(RILL_OK, rill_source_new_rtp(engine, "a", SDP, &source));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) exit(6);
    EXPECT(RILL_OK, rill_child_add_fd(engine, "a", NULL, pair[0], NULL, 1, &child));
    EXPECT(RILL_OK, rill_reader_new(engine, "a", NULL, &reader));
    for (unsigned i = 0; i < 3; i++) {
        packet(bytes, i);
        EXPECT(RILL_OK, rill_source_push_rtp(source, 0, bytes, sizeof bytes));
    }
    EXPECT(RILL_OK, rill_reader_next(reader, 5000, &frame));
    unsigned left[] = {0, 1, 2, 3};
    for (unsigned many = 4; many > 0; many--) {
        unsigned pick = order % many;
        order /= many;
        switch (left[pick]) {
            case 0: EXPECT(RILL_OK, rill_engine_free(engine)); break;
            case 1: EXPECT(RILL_OK, rill_source_free(source)); break;
            case 2: EXPECT(RILL_OK, rill_reader_free(reader)); break;
            default: EXPECT(RILL_OK, rill_frame_release(&frame)); break;
        }
        left[pick] = left[many - 1];
    }
    close(pair[1]);
}

static int rounds(long count) {
    long warm = count > 10000 ? 10000 : count / 2, memory = 0, files = 0;
    long tasks = entries("/proc/self/task"); /* before the first engine */
    for (long i = 0; i < count; i++) {
        if (i == warm) {
            memory = resident();
            files = entries("/proc/self/fd");
        }
        round_trip((unsigned)(i % 24));
    }
    long threads = threads_since(tasks), grown = resident() - memory, opened = entries("/proc/self/fd") - files;
    printf("%ld rounds: %ld KiB more than after %ld, %ld descriptors more, %ld threads left\n", count, grown, warm,
           opened, threads);
    return grown > 1024 || opened != 0 || threads != 0;
}

int main(int argc, char **argv) {
    if (argc > 1) return rounds(atol(argv[1])) ? 8 : 0; /* 8: something was left */
    sequences();
    many_sources();
    held_buffers();
    together(100);
    threads(100);
    printf("every misuse was answered\n");
    return 0;
}
