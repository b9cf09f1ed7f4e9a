/* Plays the video of an RTSP stream, decoded by libavcodec.
 *
 * 1. pulls the stream and reads access units, from a key frame on;
 * 2. decodes them; after a lag the decoder is flushed, since frames are missing;
 * 3. shows them with SDL2 (when built with -DWITH_SDL), or with --null prints frames/s, and with --md5
 *    one line per frame: a hash of its pixels, to be compared with that of another decoder.
 *
 * Debian's libavcodec is built as GPL, so this program is, when linked with it. librillcast is not: it is
 * Apache-2.0 OR MIT.
 *
 *     cc player.c $(pkg-config --cflags --libs rillcast libavcodec libavutil) -o player
 *     ./player --null rtsp://127.0.0.1:8554/live [FRAMES] */
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/md5.h>
#include <rillcast.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef WITH_SDL
#include <SDL2/SDL.h>
static SDL_Renderer *renderer;
static SDL_Texture *texture;
#endif

static int md5_wanted;
static long shown;

static void show(const AVFrame *picture) {
    shown++;
    if (md5_wanted) {
        int size = av_image_get_buffer_size((enum AVPixelFormat)picture->format, picture->width,
                                            picture->height, 1);
        uint8_t hash[16], *pixels = malloc((size_t)size);
        av_image_copy_to_buffer(pixels, size, (const uint8_t *const *)picture->data,
                                picture->linesize, (enum AVPixelFormat)picture->format,
                                picture->width, picture->height, 1);
        av_md5_sum(hash, pixels, (size_t)size);
        for (int i = 0; i < 16; i++) printf("%02x", hash[i]);
        printf("\n");
        free(pixels);
    }
#ifdef WITH_SDL
    if (renderer == NULL && !md5_wanted) {
        SDL_Window *window;
        SDL_Init(SDL_INIT_VIDEO);
        SDL_CreateWindowAndRenderer(picture->width, picture->height, 0, &window, &renderer);
        texture = SDL_CreateTexture(renderer, SDL_PIXELFORMAT_IYUV, SDL_TEXTUREACCESS_STREAMING,
                                    picture->width, picture->height);
    }
    if (renderer != NULL) {
        SDL_UpdateYUVTexture(texture, NULL, picture->data[0], picture->linesize[0], picture->data[1],
                             picture->linesize[1], picture->data[2], picture->linesize[2]);
        SDL_RenderCopy(renderer, texture, NULL, NULL);
        SDL_RenderPresent(renderer);
        for (SDL_Event event; SDL_PollEvent(&event);)
            if (event.type == SDL_QUIT) exit(0);
    }
#endif
}

/* Decodes a packet, or with NULL what the decoder still holds. */
static void decode(AVCodecContext *decoder, AVPacket *packet, AVFrame *picture) {
    if (avcodec_send_packet(decoder, packet) < 0) fprintf(stderr, "player: a frame is damaged\n");
    while (avcodec_receive_frame(decoder, picture) == 0) show(picture);
}

int main(int argc, char **argv) {
    while (argc > 1 && strncmp(argv[1], "--", 2) == 0) {
        md5_wanted |= strcmp(argv[1], "--md5") == 0;
        argv++, argc--;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: player [--null | --md5] rtsp://HOST/PATH [FRAMES]\n");
        return 2;
    }
    long wanted = argc > 2 ? atol(argv[2]) : -1, read = 0;
    rill_engine *engine = NULL;
    rill_reader *reader = NULL;
    rill_reader_config config;
    rill_reader_config_init(&config, sizeof config);
    config.track = 0;
    if (rill_engine_new(NULL, &engine) || rill_engine_start(engine) ||
        rill_engine_pull(engine, "in", argv[1], RILL_TRANSPORT_TCP) ||
        rill_reader_new(engine, "in", &config, &reader)) {
        fprintf(stderr, "player: %s: %s\n", argv[1], rill_last_error());
        return 1;
    }
    rill_track track;
    rill_track_init(&track, sizeof track);
    rill_reader_track(reader, 0, &track);
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    if (track.extra_size > 0) {
        decoder->extradata = av_mallocz(track.extra_size + AV_INPUT_BUFFER_PADDING_SIZE);
        memcpy(decoder->extradata, track.extra, track.extra_size);
        decoder->extradata_size = (int)track.extra_size;
    }
    decoder->thread_count = 1;
    avcodec_open2(decoder, NULL, NULL);
    AVPacket *packet = av_packet_alloc();
    AVFrame *picture = av_frame_alloc();
    clock_t start = clock();
    rill_frame frame;
    rill_status status;
    while (read != wanted && ((status = rill_reader_next(reader, 10000, &frame)) == RILL_OK ||
                              status == RILL_LAGGED)) {
        if (status == RILL_LAGGED) {
            avcodec_flush_buffers(decoder);
            continue;
        }
        /* The decoder wants the access unit in one piece, with padding: the one copy there is. */
        if (av_new_packet(packet, (int)frame.size) == 0) {
            rill_frame_copy(&frame, packet->data, frame.size);
            packet->pts = frame.time;
            decode(decoder, packet, picture);
            av_packet_unref(packet);
        }
        rill_frame_release(&frame);
        read++;
    }
    decode(decoder, NULL, picture);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    fprintf(stderr, "%ld frames, %.0f frames per second of processor time\n", shown,
            (double)shown / (seconds > 0 ? seconds : 1));
    av_frame_free(&picture);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    rill_reader_free(reader);
    return rill_engine_free(engine) != RILL_OK;
}
