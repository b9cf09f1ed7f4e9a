/* Serves RTSP, fetches a camera and serves it as "cam"; prints what happens. 20 lines of C.
 *
 *     cc minimal.c $(pkg-config --cflags --libs rillcast) -o minimal
 *     ./minimal rtsp://CAMERA/STREAM [IP:PORT] */
#include <rillcast.h>
#include <stdio.h>

int main(int argc, char **argv) {
    rill_engine *engine = NULL;
    rill_event event;
    const char *address = argc > 2 ? argv[2] : "127.0.0.1:8554";
    if (argc < 2 || rill_engine_new(NULL, &engine) || rill_engine_start(engine) ||
        rill_engine_listen(engine, address, NULL) ||
        rill_engine_pull(engine, "cam", argv[1], RILL_TRANSPORT_AUTO)) {
        fprintf(stderr, "usage: %s rtsp://CAMERA/STREAM [IP:PORT]\n%s\n", argv[0], rill_last_error());
        return 1;
    }
    printf("rtsp://%s/cam\n", address);
    while (rill_engine_next_event(engine, -1, &event) == RILL_OK) {
        printf("%d %s %s %s\n", (int)event.kind, event.path, event.peer, event.text);
        rill_event_release(&event);
    }
    return rill_engine_free(engine) != RILL_OK;
}
