#define _GNU_SOURCE
#include "floor.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

enum { BUFFER = 65536, BATCH = 1024, MAX_PACKETS = 128 };

/* What came in by one read: packets of one size, the last may be shorter. */
struct burst {
    unsigned char bytes[BUFFER];
    size_t length;
    size_t segment;
};

struct message_control {
    _Alignas(struct cmsghdr) unsigned char bytes[CMSG_SPACE(sizeof(uint16_t))];
};

static size_t packets(const struct burst *burst) {
    return (burst->length + burst->segment - 1) / burst->segment;
}

static struct iovec packet(struct burst *burst, size_t index) {
    size_t from = index * burst->segment;
    size_t left = burst->length - from;
    return (struct iovec){burst->bytes + from, left < burst->segment ? left : burst->segment};
}

/* One read, of all that the kernel has joined (GRO). */
static int receive(int socket, struct burst *burst) {
    struct iovec iov = {burst->bytes, BUFFER};
    _Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t length = recvmsg(socket, &message, 0);
    if (length <= 0)
        return -1;
    burst->length = (size_t)length;
    burst->segment = burst->length;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        int size;
        if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
            continue;
        memcpy(&size, CMSG_DATA(c), sizeof size);
        if (size > 0)
            burst->segment = (size_t)size;
    }
    return packets(burst) > MAX_PACKETS ? -1 : 0;
}

static void account(struct floor_job *job, int64_t sent, int64_t wanted) {
    if (sent < 0)
        sent = 0;
    job->sent += (uint64_t)sent;
    job->failed += (uint64_t)(wanted - sent);
}

static void by_sendto(struct floor_job *job, int out, struct burst *burst) {
    for (uint32_t child = 0; child < job->count; child++) {
        for (size_t i = 0; i < packets(burst); i++) {
            struct iovec p = packet(burst, i);
            ssize_t n = sendto(out, p.iov_base, p.iov_len, 0,
                               (const struct sockaddr *)&job->children[child],
                               sizeof job->children[child]);
            account(job, n < 0 ? 0 : 1, 1);
        }
    }
}

/* The same slices to every child, `weight` packets a message. */
static void send_all(struct floor_job *job, int out, struct mmsghdr *messages, struct iovec *iov,
                     struct message_control *control, int64_t weight) {
    for (uint32_t child = 0; child < job->count; child++) {
        messages[child].msg_hdr = (struct msghdr){
            .msg_name = (void *)&job->children[child],
            .msg_namelen = sizeof job->children[child],
            .msg_iov = iov,
            .msg_iovlen = 1,
            .msg_control = control ? control->bytes : NULL,
            .msg_controllen = control ? sizeof control->bytes : 0,
        };
    }
    for (uint32_t done = 0; done < job->count;) {
        uint32_t left = job->count - done;
        int n = sendmmsg(out, messages + done, left < BATCH ? left : BATCH, 0);
        if (n <= 0) {
            account(job, 0, weight); /* this one is refused; the others go on */
            n = 1;
        } else {
            account(job, n * weight, n * weight);
        }
        done += (uint32_t)n;
    }
}

static void by_sendmmsg(struct floor_job *job, int out, struct mmsghdr *messages,
                        struct burst *burst) {
    for (size_t i = 0; i < packets(burst); i++) {
        struct iovec p = packet(burst, i);
        send_all(job, out, messages, &p, NULL, 1);
    }
}

static void by_gso(struct floor_job *job, int out, struct mmsghdr *messages, struct burst *burst) {
    struct iovec all = {burst->bytes, burst->length};
    struct message_control control = {{0}};
    struct cmsghdr *header = (struct cmsghdr *)control.bytes;
    uint16_t segment = (uint16_t)burst->segment;
    header->cmsg_level = SOL_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(header), &segment, sizeof segment);
    send_all(job, out, messages, &all, packets(burst) > 1 ? &control : NULL,
             (int64_t)packets(burst));
}

static void by_writev(struct floor_job *job, struct burst *burst) {
    unsigned char prefix[MAX_PACKETS][4];
    struct iovec iov[2 * MAX_PACKETS];
    size_t count = packets(burst), total = 0;
    for (size_t i = 0; i < count; i++) {
        struct iovec p = packet(burst, i);
        prefix[i][0] = '$';
        prefix[i][1] = 0;
        prefix[i][2] = (unsigned char)(p.iov_len >> 8);
        prefix[i][3] = (unsigned char)p.iov_len;
        iov[2 * i] = (struct iovec){prefix[i], 4};
        iov[2 * i + 1] = p;
        total += 4 + p.iov_len;
    }
    for (uint32_t child = 0; child < job->count; child++) {
        ssize_t n = writev(job->connections[child], iov, (int)(2 * count));
        account(job, n == (ssize_t)total ? (int64_t)count : 0, (int64_t)count);
    }
}

int floor_relay(struct floor_job *job) {
    int on = 1, large = 4 << 20;
    int out = socket(AF_INET, SOCK_DGRAM, 0);
    struct burst *burst = malloc(sizeof *burst);
    struct mmsghdr *messages = calloc(job->count ? job->count : 1, sizeof *messages);
    int result = 0;
    if (out < 0 || !burst || !messages ||
        setsockopt(job->ingest, SOL_UDP, UDP_GRO, &on, sizeof on) != 0) {
        result = errno;
        goto out;
    }
    /* As much as the system allows. */
    setsockopt(out, SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
    for (;;) {
        struct pollfd ready[2] = {{job->ingest, POLLIN, 0}, {job->stop, POLLIN, 0}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR) {
            result = errno;
            break;
        }
        if (ready[1].revents)
            break;
        if (!ready[0].revents || receive(job->ingest, burst) != 0)
            continue;
        switch (job->mode) {
        case FLOOR_SENDTO: by_sendto(job, out, burst); break;
        case FLOOR_SENDMMSG: by_sendmmsg(job, out, messages, burst); break;
        case FLOOR_GSO: by_gso(job, out, messages, burst); break;
        case FLOOR_WRITEV: by_writev(job, burst); break;
        }
    }
out:
    free(messages);
    free(burst);
    if (out >= 0)
        close(out);
    return result;
}
