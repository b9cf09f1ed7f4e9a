/* What does fan-out cost here, when a C program drives the engine?
 *
 * 1. by itself it measures within this process, by rill_bench_fanout():
 *
 *     cc fanout_bench.c $(pkg-config --cflags --libs rillcast) -o fanout_bench
 *     ./fanout_bench [CHILDREN] [SECONDS] [udp | tcp]
 *
 * 2. as a relay it is measured from outside, beside others: plain RTP comes in as the file SDP says, and players come
 *    by RTSP to RTSP_PORT (see bench/README.md):
 *
 *     rillcast bench fanout --peer c=./fanout_bench */
#include "support.h"
#include <inttypes.h>
#include <rillcast.h>
#include <stdlib.h>
#include <string.h>

static int fail(void) {
    fprintf(stderr, "fanout_bench: %s\n", rill_last_error());
    return 1;
}

static int measure(int argc, char **argv) {
    rill_bench_config config;
    rill_bench_result result;
    rill_bench_config_init(&config, sizeof config);
    rill_bench_result_init(&result, sizeof result);
    if (argc > 1) config.children = (uint32_t)atoi(argv[1]);
    if (argc > 2) config.duration_ms = (uint32_t)atoi(argv[2]) * 1000;
    if (argc > 3 && strcmp(argv[3], "tcp") == 0) config.transport = RILL_TRANSPORT_TCP;
    if (rill_bench_fanout(&config, NULL, &result) != RILL_OK) return fail();
    printf("%" PRIu32 " receivers: %" PRIu64 " packets, %" PRIu64 " lost, %.0f ns of the engine for each; "
           "half within %" PRIu64 " us, 99 %% within %" PRIu64 " us\n", config.children, result.packets,
           result.lost, result.cpu_ns_per_packet, result.latency_p50_ns / 1000, result.latency_p99_ns / 1000);
    return 0;
}

static int relay(const char *port, const char *description) {
    char sdp[4096], address[64];
    rill_engine *engine = NULL;
    rill_event event;
    if (read_file(description, sdp, sizeof sdp) != 0) return perror("fanout_bench: SDP"), 2;
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    if (rill_engine_new(NULL, &engine) || rill_engine_start(engine) ||
        rill_engine_ingest_rtp(engine, "bench", sdp) || rill_engine_listen(engine, address, NULL))
        return fail();
    while (rill_engine_next_event(engine, -1, &event) == RILL_OK) rill_event_release(&event);
    return rill_engine_free(engine) != RILL_OK;
}

int main(int argc, char **argv) {
    const char *port = getenv("RTSP_PORT");
    return port != NULL ? relay(port, getenv("SDP")) : measure(argc, argv);
}
