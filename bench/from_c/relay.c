/* The relay of `rillcast bench fanout`, driven from C by librillcast: what bench/src/fanout/relay.rs does.
 *
 * One line of JSON on standard input names the receivers, one on standard output says where the stream is taken. It
 * relays until the input ends, and tells then how many packets it could not hand to the kernel. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <rillcast.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 1000 /* receivers */
#define PATH "bench/0"

static int fail(const char *doing) {
    fprintf(stderr, "relay: %s: %s\n", doing, rill_last_error());
    return 1;
}

/* An even UDP port of 127.0.0.1 that is free at this moment; 0 when none is found. */
static unsigned free_port(void) {
    for (int attempt = 0; attempt < 64; attempt++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        int bound = bind(fd, (struct sockaddr *)&address, length) == 0 &&
                    getsockname(fd, (struct sockaddr *)&address, &length) == 0;
        close(fd);
        if (bound && ntohs(address.sin_port) % 2 == 0) return ntohs(address.sin_port);
    }
    return 0;
}

/* The texts of the array "children", cut out of the line; returns how many there are. */
static size_t children_of(char *line, const char **to) {
    char *begin = strstr(line, "\"children\":[");
    char *end = begin != NULL ? strchr(begin, ']') : NULL;
    size_t count = 0;
    if (end == NULL) return 0;
    *end = '\0';
    for (char *text = strtok(strchr(begin, '[') + 1, "\","); text != NULL && count < MOST; text = strtok(NULL, "\","))
        to[count++] = text;
    return count;
}

static int ingest(rill_engine *engine, unsigned port) {
    char sdp[512];
    snprintf(sdp, sizeof sdp,
             "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=bench\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
             "m=video %u RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
             "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkAoC/5cBEAAAMAAQAAAwA8DxYuSA==,aMuDyyA=\r\n",
             port);
    return rill_engine_ingest_rtp(engine, PATH, sdp);
}

/* Packets that were not handed to the kernel, of all children. */
static uint64_t refused(rill_engine *engine) {
    static rill_child_figures all[MOST];
    size_t count = 0;
    uint64_t packets = 0;
    for (size_t i = 0; i < MOST; i++) rill_child_figures_init(&all[i], sizeof all[i]);
    if (rill_child_list(engine, PATH, all, MOST, &count) != RILL_OK) return UINT64_MAX;
    for (size_t i = 0; i < count && i < MOST; i++) packets += all[i].too_slow + all[i].refused;
    return packets;
}

int main(void) {
    char *line = NULL, byte;
    size_t room = 0;
    const char *children[MOST];
    rill_engine *engine = NULL;
    rill_engine_config config;
    rill_child_config child;
    uint64_t number;
    if (getline(&line, &room, stdin) < 0) return 1;
    size_t count = children_of(line, children);
    unsigned port = free_port();
    rill_engine_config_init(&config, sizeof config);
    rill_child_config_init(&child, sizeof child);
    config.max_streams = 1;
    config.max_connections = count > 100 ? (uint32_t)count : 100;
    child.start = RILL_START_LIVE;
    if (rill_engine_new(&config, &engine) || rill_engine_start(engine) || ingest(engine, port)) return fail("start");
    for (size_t i = 0; i < count; i++)
        if (rill_child_add_udp(engine, PATH, &child, &children[i], &children[i], 1, &number)) return fail(children[i]);
    printf("{\"ingests\":[\"127.0.0.1:%u\"]}\n", port);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {}
    printf("{\"refused\":%" PRIu64 "}\n", refused(engine));
    free(line);
    return rill_engine_free(engine) != RILL_OK;
}
