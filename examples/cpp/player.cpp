// Plays the video of an RTSP stream with the C++ layer, decoded by libavcodec; prints how many frames there were.
//
// 1. pulls the stream and reads access units, from a key frame on; 2. decodes them; 3. with --md5 prints a hash of each
// picture. A window is in examples/c/player.c. Debian's libavcodec is GPL, and so is what is linked with it.
//
//     c++ -std=c++20 -I../c player.cpp $(pkg-config --cflags --libs rillcast libavcodec libavutil) -o player
//     ./player [--md5] rtsp://127.0.0.1:8554/live [FRAMES]
#include "picture.h"
#include <cstdlib>
#include <iostream>
#include <memory>
#include <rillcast.hpp>
#include <string_view>

using namespace std::chrono_literals;

struct closer {
    void operator()(AVCodecContext *context) const { avcodec_free_context(&context); }
    void operator()(AVPacket *packet) const { av_packet_free(&packet); }
    void operator()(AVFrame *picture) const { av_frame_free(&picture); }
};

class decoder {
public:
    decoder(const rill_track &track, bool hashes)
        : context_(picture_decoder(track.extra, track.extra_size)), packet_(av_packet_alloc()),
          picture_(av_frame_alloc()), hashes_(hashes) {
        if (!context_ || !packet_ || !picture_) throw std::runtime_error("there is no decoder for H.264");
    }
    // libavcodec wants one piece, with padding: the one copy there is.
    void take(const rillcast::frame &frame) {
        if (av_new_packet(packet_.get(), static_cast<int>(frame.size())) != 0) throw std::bad_alloc();
        rillcast::check(frame.copy({packet_->data, frame.size()}));
        decode(packet_.get());
        av_packet_unref(packet_.get());
    }
    // What comes next does not follow what came before.
    void restart() { avcodec_flush_buffers(context_.get()); }
    // What the decoder still holds.
    void finish() { decode(nullptr); }
    [[nodiscard]] long shown() const { return shown_; }

private:
    void decode(const AVPacket *packet) {
        if (avcodec_send_packet(context_.get(), packet) < 0) std::cerr << "player: a frame is damaged\n";
        for (; avcodec_receive_frame(context_.get(), picture_.get()) == 0; shown_++)
            if (hashes_) picture_print_hash(picture_.get());
    }
    std::unique_ptr<AVCodecContext, closer> context_;
    std::unique_ptr<AVPacket, closer> packet_;
    std::unique_ptr<AVFrame, closer> picture_;
    bool hashes_;
    long shown_ = 0;
};

int main(int argc, char **argv) try {
    const bool hashes = argc > 1 && std::string_view(argv[1]) == "--md5";
    if (hashes) argv++, argc--;
    if (argc < 2) {
        std::cerr << "usage: player [--md5] rtsp://HOST/PATH [FRAMES]\n";
        return 2;
    }
    const long wanted = argc > 2 ? std::atol(argv[2]) : -1;
    auto engine = rillcast::engine::make();
    rillcast::check(engine.pull("in", argv[1], RILL_TRANSPORT_TCP));
    auto settings = rillcast::config<rill_reader_config>();
    settings.track = 0;
    auto reader = engine.open("in", &settings);
    decoder decoder(reader.track(0).value(), hashes);

    rillcast::frame frame;
    for (long frames = 0; frames != wanted;) {
        const auto status = rillcast::check(reader.next(frame, 10s));
        if (status == RILL_LAGGED) {
            decoder.restart();
            continue;
        }
        if (status != RILL_OK) break;
        decoder.take(frame);
        frames++;
    }
    decoder.finish();
    std::cerr << decoder.shown() << " frames\n";
} catch (const std::exception &error) {
    std::cerr << "player: " << error.what() << '\n';
    return 1;
}
