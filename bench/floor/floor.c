#define _GNU_SOURCE
#include "floor.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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

enum { BUFFER = 65536, BATCH = 1024, MAX_PACKETS = 128, EVENTS = 256 };

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

static const struct sockaddr_in *children_of(const struct floor_job *job, uint32_t stream) {
    return job->children + (size_t)stream * job->count;
}

static void by_sendto(struct floor_job *job, uint32_t stream, int out, struct burst *burst) {
    const struct sockaddr_in *children = children_of(job, stream);
    for (uint32_t child = 0; child < job->count; child++) {
        for (size_t i = 0; i < packets(burst); i++) {
            struct iovec p = packet(burst, i);
            ssize_t n = sendto(out, p.iov_base, p.iov_len, 0,
                               (const struct sockaddr *)&children[child],
                               sizeof children[child]);
            account(job, n < 0 ? 0 : 1, 1);
        }
    }
}

/* The same slices to every child, `weight` packets a message. */
static void send_all(struct floor_job *job, uint32_t stream, int out, struct mmsghdr *messages,
                     struct iovec *iov, struct message_control *control, int64_t weight) {
    const struct sockaddr_in *children = children_of(job, stream);
    for (uint32_t child = 0; child < job->count; child++) {
        messages[child].msg_hdr = (struct msghdr){
            .msg_name = (void *)&children[child],
            .msg_namelen = sizeof children[child],
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

static void by_sendmmsg(struct floor_job *job, uint32_t stream, int out, struct mmsghdr *messages,
                        struct burst *burst) {
    for (size_t i = 0; i < packets(burst); i++) {
        struct iovec p = packet(burst, i);
        send_all(job, stream, out, messages, &p, NULL, 1);
    }
}

static void by_gso(struct floor_job *job, uint32_t stream, int out, struct mmsghdr *messages,
                   struct burst *burst) {
    struct iovec all = {burst->bytes, burst->length};
    struct message_control control = {{0}};
    struct cmsghdr *header = (struct cmsghdr *)control.bytes;
    uint16_t segment = (uint16_t)burst->segment;
    header->cmsg_level = SOL_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(header), &segment, sizeof segment);
    send_all(job, stream, out, messages, &all, packets(burst) > 1 ? &control : NULL,
             (int64_t)packets(burst));
}

static void by_writev(struct floor_job *job, uint32_t stream, struct burst *burst) {
    const int *connections = job->connections + (size_t)stream * job->count;
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
        ssize_t n = writev(connections[child], iov, (int)(2 * count));
        account(job, n == (ssize_t)total ? (int64_t)count : 0, (int64_t)count);
    }
}

/* What epoll says of the socket that tells when it is over; the others have the number of their stream. */
static const uint32_t STOP = UINT32_MAX;

static int watch(int epoll, int descriptor, uint32_t name) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = name};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static int watch_all(const struct floor_job *job, int epoll) {
    int on = 1;
    for (uint32_t stream = 0; stream < job->streams; stream++)
        if (setsockopt(job->ingests[stream], SOL_UDP, UDP_GRO, &on, sizeof on) != 0 ||
            watch(epoll, job->ingests[stream], stream) != 0)
            return -1;
    return watch(epoll, job->stop, STOP);
}

static void relay(struct floor_job *job, uint32_t stream, int out, struct mmsghdr *messages,
                  struct burst *burst) {
    if (receive(job->ingests[stream], burst) != 0)
        return;
    switch (job->mode) {
    case FLOOR_SENDTO: by_sendto(job, stream, out, burst); break;
    case FLOOR_SENDMMSG: by_sendmmsg(job, stream, out, messages, burst); break;
    case FLOOR_GSO: by_gso(job, stream, out, messages, burst); break;
    case FLOOR_WRITEV: by_writev(job, stream, burst); break;
    }
}

int floor_relay(struct floor_job *job) {
    int large = 4 << 20;
    int out = socket(AF_INET, SOCK_DGRAM, 0), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct burst *burst = malloc(sizeof *burst);
    struct mmsghdr *messages = calloc(job->count ? job->count : 1, sizeof *messages);
    struct epoll_event ready[EVENTS];
    int result = 0, running = 1;
    if (out < 0 || epoll < 0 || !burst || !messages || watch_all(job, epoll) != 0) {
        result = errno;
        goto out;
    }
    /* As much as the system allows. */
    setsockopt(out, SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
    while (running) {
        int count = epoll_wait(epoll, ready, EVENTS, -1);
        if (count < 0 && errno != EINTR) {
            result = errno;
            break;
        }
        for (int i = 0; i < count; i++) {
            if (ready[i].data.u32 == STOP)
                running = 0;
            else
                relay(job, ready[i].data.u32, out, messages, burst);
        }
    }
out:
    free(messages);
    free(burst);
    if (epoll >= 0)
        close(epoll);
    if (out >= 0)
        close(out);
    return result;
}
