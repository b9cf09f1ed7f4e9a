/* A relay in C, to be measured: what does fan-out cost when a C program drives the engine?
 *
 *     cc fanout_bench.c $(pkg-config --cflags --libs rillcast) -o fanout_bench
 *     rillcast bench fanout --peer c=./fanout_bench
 *
 * The measurement starts it with RTP_PORT, RTSP_PORT and SDP in its environment (see bench/README.md): plain
 * RTP comes in as the description says, and players come by RTSP. */
#include <rillcast.h>
#include <stdio.h>
#include <stdlib.h>

/* The description of the stream, which names the port it comes to. */
static int read_description(const char *path, char *text, size_t size) {
    FILE *file = path != NULL ? fopen(path, "r") : NULL;
    if (file == NULL) return -1;
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
    return length > 0 ? 0 : -1;
}

int main(void) {
    char sdp[4096], address[64];
    rill_engine *engine = NULL;
    rill_event event;
    const char *port = getenv("RTSP_PORT");
    if (port == NULL || read_description(getenv("SDP"), sdp, sizeof sdp) != 0) {
        fprintf(stderr, "usage: rillcast bench fanout --peer c=./fanout_bench\n");
        return 2;
    }
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    if (rill_engine_new(NULL, &engine) || rill_engine_start(engine) ||
        rill_engine_ingest_rtp(engine, "bench", sdp) || rill_engine_listen(engine, address, NULL)) {
        fprintf(stderr, "fanout_bench: %s\n", rill_last_error());
        return 1;
    }
    while (rill_engine_next_event(engine, -1, &event) == RILL_OK) rill_event_release(&event);
    return rill_engine_free(engine) != RILL_OK;
}
