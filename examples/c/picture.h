/* What the players do with a picture that libavcodec has decoded: print a hash of its pixels, to be compared with
 * that of another decoder, or show it in a window (SDL2, when built with -DWITH_SDL). For C and C++. */
#ifndef PICTURE_H
#define PICTURE_H

#ifdef __cplusplus
extern "C" {
#endif
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/md5.h>
#ifdef __cplusplus
}
#endif
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#ifdef WITH_SDL
#include <SDL2/SDL.h>
#endif

/* A decoder for H.264; `extra` is what it has to know first, may be empty. NULL when there is none. */
static inline AVCodecContext *picture_decoder(const uint8_t *extra, size_t size) {
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
    AVCodecContext *decoder = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    if (decoder == NULL) return NULL;
    decoder->thread_count = 1;
    if (size > 0) {
        decoder->extradata = (uint8_t *)av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
        if (decoder->extradata != NULL) {
            memcpy(decoder->extradata, extra, size);
            decoder->extradata_size = (int)size;
        }
    }
    if (avcodec_open2(decoder, codec, NULL) != 0) avcodec_free_context(&decoder);
    return decoder;
}

/* Prints the MD5 of a picture's pixels, as `ffmpeg -f framemd5` does. */
static inline void picture_print_hash(const AVFrame *picture) {
    enum AVPixelFormat format = (enum AVPixelFormat)picture->format;
    int size = av_image_get_buffer_size(format, picture->width, picture->height, 1);
    uint8_t hash[16], *pixels = size > 0 ? (uint8_t *)av_malloc((size_t)size) : NULL;
    if (pixels == NULL) return;
    av_image_copy_to_buffer(pixels, size, (const uint8_t *const *)picture->data, picture->linesize, format,
                            picture->width, picture->height, 1);
    av_md5_sum(hash, pixels, (size_t)size);
    for (int i = 0; i < 16; i++) printf("%02x", hash[i]);
    printf("\n");
    av_free(pixels);
}

#ifdef WITH_SDL
/* A window, made with the first picture. Zeroed at first. */
typedef struct {
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    int width, height; /* of the texture */
} PictureWindow;

/* Shows a picture; returns 0 when the user has closed the window, -1 when there can be none, else 1. */
static inline int picture_show(PictureWindow *to, const AVFrame *picture) {
    SDL_Event event;
    if (picture->format != AV_PIX_FMT_YUV420P && picture->format != AV_PIX_FMT_YUVJ420P)
        return SDL_SetError("pictures of this format are not shown");
    if (to->window == NULL &&
        (SDL_Init(SDL_INIT_VIDEO) != 0 ||
         SDL_CreateWindowAndRenderer(picture->width, picture->height, 0, &to->window, &to->renderer) != 0))
        return -1;
    if (to->texture == NULL || to->width != picture->width || to->height != picture->height) {
        /* SDL reads as much as the texture has room for: it has to be of the picture's size. */
        if (to->texture != NULL) SDL_DestroyTexture(to->texture);
        to->texture = SDL_CreateTexture(to->renderer, SDL_PIXELFORMAT_IYUV, SDL_TEXTUREACCESS_STREAMING,
                                        picture->width, picture->height);
        if (to->texture == NULL) return -1;
        to->width = picture->width, to->height = picture->height;
    }
    if (SDL_UpdateYUVTexture(to->texture, NULL, picture->data[0], picture->linesize[0], picture->data[1],
                             picture->linesize[1], picture->data[2], picture->linesize[2]) != 0)
        return -1;
    SDL_RenderCopy(to->renderer, to->texture, NULL, NULL);
    SDL_RenderPresent(to->renderer);
    while (SDL_PollEvent(&event))
        if (event.type == SDL_QUIT) return 0;
    return 1;
}

static inline void picture_close(PictureWindow *window) {
    if (window->texture != NULL) SDL_DestroyTexture(window->texture);
    if (window->renderer != NULL) SDL_DestroyRenderer(window->renderer);
    if (window->window != NULL) SDL_DestroyWindow(window->window);
    SDL_Quit();
}
#endif

#endif
