/* An RTSP server that asks for a password: one user may publish, and play what others publish.
 *
 * 1. the configuration says that the program is to be asked (RILL_ACCESS_ASK);
 * 2. one descriptor tells of questions and of events, for any event loop;
 * 3. who comes without credentials is asked for them, who has the right ones is let in, and everybody may play what is
 *    below "public/".
 *
 *     cc login.c $(pkg-config --cflags --libs rillcast) -o login
 *     ./login 127.0.0.1:8554 USER PASSWORD */
#include <poll.h>
#include <rillcast.h>
#include <stdio.h>
#include <string.h>

#define REALM "studio"

static const char *user, *password;

static int fail(void) {
    fprintf(stderr, "login: %s\n", rill_last_error());
    return 1;
}

/* Whether the client has proved to be the user. The password itself does not cross the network. */
static int is_known(const rill_access *access) {
    int32_t right = 0;
    return strcmp(access->user, user) == 0 &&
           rill_access_verify(access, REALM, password, &right) == RILL_OK && right;
}

/* Answers a question. Its texts are gone after that. */
static void answer(rill_access *access) {
    int open = access->action == RILL_ACTION_PLAY && strncmp(access->path, "public/", 7) == 0;
    int known = !open && is_known(access);
    printf("%s %s %s: %s\n", access->peer, access->action == RILL_ACTION_PLAY ? "plays" : "publishes",
           access->path, open || known ? "let in" : access->user[0] ? "wrong password" : "asked for a password");
    if (open || known) rill_access_allow(access);
    else rill_access_challenge(access, REALM);
}

int main(int argc, char **argv) {
    rill_engine *engine = NULL;
    rill_engine_config config;
    uint16_t port = 0;
    int fd = -1;
    if (argc != 4) {
        fprintf(stderr, "usage: login IP:PORT USER PASSWORD\n");
        return 2;
    }
    user = argv[2], password = argv[3];
    rill_engine_config_init(&config, sizeof config);
    config.access = RILL_ACCESS_ASK;
    if (rill_engine_new(&config, &engine) || rill_engine_start(engine) ||
        rill_engine_listen(engine, argv[1], &port) || rill_engine_event_fd(engine, &fd))
        return fail();
    printf("port %u\n", (unsigned)port);
    for (;;) {
        struct pollfd wait = {fd, POLLIN, 0};
        rill_access access;
        rill_event event;
        rill_status questions, events;
        fflush(stdout);
        if (poll(&wait, 1, -1) < 0) continue; /* a signal */
        while ((questions = rill_engine_next_access(engine, 0, &access)) == RILL_OK) answer(&access);
        while ((events = rill_engine_next_event(engine, 0, &event)) == RILL_OK) {
            printf("%s %s %s\n", event.path, event.peer, event.text);
            rill_event_release(&event);
        }
        if (questions < 0 || events < 0) return fail();
    }
}
