/* What several examples need and what has nothing to do with Rillcast: a file's text, a bound socket. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads a text file; -1 when that fails or nothing is in it. What is longer than `size` is cut off. */
static inline int read_file(const char *name, char *text, size_t size) {
    FILE *file = name != NULL ? fopen(name, "r") : NULL;
    if (file == NULL) return -1;
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
    return length > 0 ? 0 : -1;
}

/* A socket at a port of 127.0.0.1, which listens when it is one for connections; -1 when that fails. */
static inline int bound_socket(int type, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        (type != SOCK_STREAM || listen(fd, 16) == 0))
        return fd;
    close(fd);
    return -1;
}

#endif
