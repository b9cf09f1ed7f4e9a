/* A proxy with an event loop and sockets of its own: it receives RTP itself, pushes it into an engine, and
 * adds and removes receivers that ask for it.
 *
 * 1. epoll waits for the RTP socket, for a control socket and for the engine's events;
 * 2. packets are received by recvmmsg(2) and pushed as one batch;
 * 3. "add IP:PORT", "remove NUMBER" and "list", as datagrams to the control socket, do what they say;
 *    who connects by TCP to the same port gets the stream interleaved, by descriptor;
 * 4. RTSP players get it as "in", at the address that is printed.
 *
 *     cc proxy.c $(pkg-config --cflags --libs rillcast) -o proxy
 *     ./proxy FILE.sdp RTP_PORT CONTROL_PORT */
#define _GNU_SOURCE
#include "support.h"
#include <inttypes.h>
#include <rillcast.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define BATCH 64
#define ROOM 2048

static rill_engine *engine;
static rill_source *source;

/* Takes what is there and pushes it at once. */
static void forward(int fd) {
    static uint8_t buffers[BATCH][ROOM];
    struct iovec pieces[BATCH];
    struct mmsghdr messages[BATCH] = {0};
    rill_span packets[BATCH];
    for (int i = 0; i < BATCH; i++) {
        pieces[i] = (struct iovec){buffers[i], ROOM};
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) packets[i] = (rill_span){buffers[i], messages[i].msg_len};
    if (count > 0 && rill_source_push_rtp_batch(source, 0, packets, (size_t)count) < 0)
        fprintf(stderr, "proxy: %s\n", rill_last_error());
}

static void command(int fd) {
    char text[256], answer[256] = "what?\n";
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(fd, text, sizeof text - 1, 0, (struct sockaddr *)&from, &length);
    if (got < 0) return;
    text[got] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    uint64_t child = 0;
    if (strncmp(text, "add ", 4) == 0) {
        const char *rtp = text + 4;
        rill_status status = rill_child_add_udp(engine, "in", NULL, &rtp, NULL, 1, &child);
        snprintf(answer, sizeof answer, "%s %" PRIu64 "\n", rill_status_name(status), child);
    } else if (strncmp(text, "remove ", 7) == 0) {
        rill_status status = rill_child_remove(engine, strtoull(text + 7, NULL, 10));
        snprintf(answer, sizeof answer, "%s\n", rill_status_name(status));
    } else if (strcmp(text, "list") == 0) {
        size_t children = 0;
        rill_child_list(engine, "in", NULL, 0, &children);
        snprintf(answer, sizeof answer, "%zu children\n", children);
    }
    sendto(fd, answer, strlen(answer), 0, (struct sockaddr *)&from, length);
}

/* Hands a connection over; the engine closes it when its peer hangs up. */
static void admit(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    uint64_t child;
    if (fd >= 0 && rill_child_add_fd(engine, "in", NULL, fd, NULL, 1, &child) != RILL_OK) {
        fprintf(stderr, "proxy: %s\n", rill_last_error());
        close(fd);
    }
}

static void tell(void) {
    rill_event event;
    while (rill_engine_next_event(engine, 0, &event) == RILL_OK) {
        printf("%d %s %" PRIu64 " %s\n", (int)event.kind, event.path, event.child, event.text);
        fflush(stdout);
        rill_event_release(&event);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: proxy FILE.sdp RTP_PORT CONTROL_PORT\n");
        return 2;
    }
    char sdp[16384];
    int rtp = bound_socket(SOCK_DGRAM, atoi(argv[2])), control = bound_socket(SOCK_DGRAM, atoi(argv[3]));
    int listener = bound_socket(SOCK_STREAM, atoi(argv[3])), loop = epoll_create1(EPOLL_CLOEXEC), events = -1;
    uint16_t port = 0;
    if (read_file(argv[1], sdp, sizeof sdp) != 0 || rtp < 0 || control < 0 || listener < 0 || loop < 0) {
        perror("proxy: the file or a port cannot be used");
        return 1;
    }
    if (rill_engine_new(NULL, &engine) || rill_engine_start(engine) ||
        rill_source_new_rtp(engine, "in", sdp, &source) ||
        rill_engine_listen(engine, "127.0.0.1:0", &port) ||
        rill_engine_event_fd(engine, &events)) {
        fprintf(stderr, "proxy: %s\n", rill_last_error());
        return 1;
    }
    int all[] = {rtp, control, listener, events};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct epoll_event wanted = {.events = EPOLLIN, .data.fd = all[i]};
        epoll_ctl(loop, EPOLL_CTL_ADD, all[i], &wanted);
    }
    printf("rtsp://127.0.0.1:%u/in\n", (unsigned)port);
    fflush(stdout);
    for (;;) {
        struct epoll_event ready[8];
        int count = epoll_wait(loop, ready, 8, -1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == rtp) forward(rtp);
            else if (fd == control) command(control);
            else if (fd == listener) admit(listener);
            else tell();
        }
    }
}
