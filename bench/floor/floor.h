/* The least work with which the packets of each source reach its receivers: what the kernel itself takes.
 * Any relay's cost per packet is to be seen beside it. */
#ifndef RILLCAST_FLOOR_H
#define RILLCAST_FLOOR_H

#include <netinet/in.h>
#include <stdint.h>

enum floor_mode {
    FLOOR_SENDTO,   /* one sendto per packet and child */
    FLOOR_SENDMMSG, /* one sendmmsg per packet, to all children */
    FLOOR_GSO,      /* one sendmmsg for all packets, one message with segmentation offload per child */
    FLOOR_WRITEV,   /* interleaved RTP over TCP: one writev for all packets per child */
};

struct floor_job {
    int mode;
    const int *ingests;                 /* UDP sockets where the packets come in, one a stream */
    uint32_t streams;                   /* of them */
    int stop;                           /* readable, or hung up, when it is over */
    const struct sockaddr_in *children; /* UDP: where to, first those of the first stream */
    const int *connections;             /* TCP: connected, blocking sockets */
    uint32_t count;                     /* of children of each stream */
    uint64_t sent;                      /* out: packets handed to the kernel */
    uint64_t failed;                    /* out: packets that it did not take */
};

/* Relays until told to stop. 0, or errno when a socket cannot be used at all. */
int floor_relay(struct floor_job *job);

#endif
