/* Plays the video of an RTSP stream, decoded by libavcodec.
 *
 * 1. pulls the stream, or serves RTSP itself and waits for a publisher; reads access units, from a key frame on;
 * 2. decodes them; after a lag the decoder is flushed, since frames are missing;
 * 3. shows them in a window (when built with SDL2), or with --null shows nothing and with --md5 prints a hash of
 *    each picture; prints how many there were and how fast it was.
 *
 * Debian's libavcodec is built as GPL, so this program is, when linked with it. librillcast is not: it is
 * Apache-2.0 OR MIT.
 *
 *     cc player.c $(pkg-config --cflags --libs rillcast libavcodec libavutil) -o player
 *     cc -DWITH_SDL player.c $(pkg-config --cflags --libs rillcast libavcodec libavutil sdl2) -o player
 *     ./player [--null | --md5] rtsp://127.0.0.1:8554/live [FRAMES]
 *     ./player [--null | --md5] 127.0.0.1:8554/live [FRAMES]        publish to rtsp://127.0.0.1:8554/live */
#include "picture.h"
#include <rillcast.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *picture;
    const char *mode;
    long shown;
    int closed;
#ifdef WITH_SDL
    PictureWindow window;
#endif
} Player;

static void show(Player *player) {
    player->shown++;
    if (strcmp(player->mode, "--md5") == 0) picture_print_hash(player->picture);
#ifdef WITH_SDL
    if (player->mode[0] == '\0') {
        int shown = picture_show(&player->window, player->picture);
        if (shown < 0) fprintf(stderr, "player: %s\n", SDL_GetError());
        player->closed = shown <= 0;
    }
#endif
}

/* Decodes a packet, or with NULL what the decoder still holds. */
static void decode(Player *player, AVPacket *packet) {
    if (avcodec_send_packet(player->decoder, packet) < 0) fprintf(stderr, "player: a frame is damaged\n");
    while (!player->closed && avcodec_receive_frame(player->decoder, player->picture) == 0) show(player);
}

/* The decoder wants the access unit in one piece, with padding: the one copy there is. */
static void take(Player *player, const rill_frame *frame) {
    if (av_new_packet(player->packet, (int)frame->size) != 0) return;
    if (rill_frame_copy(frame, player->packet->data, frame->size) == RILL_OK) {
        player->packet->pts = frame->time;
        decode(player, player->packet);
    }
    av_packet_unref(player->packet);
}

static int fail(const char *what) {
    fprintf(stderr, "player: %s: %s\n", what, rill_last_error());
    return 1;
}

/* From a server that has the stream, or, given an address and a path, from who publishes it there. */
static rill_status open_stream(rill_engine *engine, const char *from, rill_reader_config *config, rill_reader **out) {
    char address[256] = "";
    uint16_t port = 0;
    if (strncmp(from, "rtsp://", 7) == 0) {
        rill_status status = rill_engine_pull(engine, "in", from, RILL_TRANSPORT_TCP);
        return status != RILL_OK ? status : rill_reader_new(engine, "in", config, out);
    }
    size_t length = strcspn(from, "/");
    snprintf(address, sizeof address, "%.*s", (int)length, from);
    rill_status status = rill_engine_listen(engine, address, &port);
    if (status != RILL_OK) return status;
    fprintf(stderr, "port %u\n", (unsigned)port);
    config->wait_ms = 60000;
    return rill_reader_new(engine, from + length + (from[length] == '/'), config, out);
}

int main(int argc, char **argv) {
    Player player = {.mode = ""};
    if (argc > 1 && strncmp(argv[1], "--", 2) == 0) player.mode = argv[1], argv++, argc--;
    if (argc < 2) {
        fprintf(stderr, "usage: player [--null | --md5] rtsp://HOST/PATH | IP:PORT/PATH [FRAMES]\n");
        return 2;
    }
    long wanted = argc > 2 ? atol(argv[2]) : -1, read = 0;
    rill_engine *engine = NULL;
    rill_reader *reader = NULL;
    rill_reader_config config;
    rill_reader_config_init(&config, sizeof config);
    config.track = 0;
    if (rill_engine_new(NULL, &engine) || rill_engine_start(engine) || open_stream(engine, argv[1], &config, &reader))
        return fail(argv[1]);
    rill_track track;
    rill_track_init(&track, sizeof track);
    if (rill_reader_track(reader, 0, &track) != RILL_OK || track.codec != RILL_CODEC_H264)
        return fail("its first track is no H.264");
    player.decoder = picture_decoder(track.extra, track.extra_size);
    player.packet = av_packet_alloc();
    player.picture = av_frame_alloc();
    if (!player.decoder || !player.packet || !player.picture) return fail("no decoder");

    clock_t start = clock();
    rill_frame frame;
    rill_status status = RILL_OK;
    while (!player.closed && read != wanted) {
        status = rill_reader_next(reader, 10000, &frame);
        if (status == RILL_LAGGED) {
            avcodec_flush_buffers(player.decoder);
            continue;
        }
        if (status != RILL_OK) break;
        take(&player, &frame);
        rill_frame_release(&frame);
        read++;
    }
    decode(&player, NULL);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    fprintf(stderr, "%ld frames, %.0f frames per second of processor time\n", player.shown,
            (double)player.shown / (seconds > 0 ? seconds : 1));
#ifdef WITH_SDL
    picture_close(&player.window);
#endif
    av_frame_free(&player.picture);
    av_packet_free(&player.packet);
    avcodec_free_context(&player.decoder);
    if (status < 0) fail("reading");
    rill_reader_free(reader);
    return rill_engine_free(engine) != RILL_OK || status < 0;
}
