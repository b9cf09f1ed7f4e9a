// Reads the video of an RTSP stream with the C++ layer; prints frames, key frames and bytes.
//
//     c++ -std=c++20 player.cpp $(pkg-config --cflags --libs rillcast) -o player
//     ./player rtsp://127.0.0.1:8554/live [FRAMES]
//
// Where this adds up bytes, a decoder would take frame.spans(): see examples/c/player.c.
#include <cstdlib>
#include <iostream>
#include <rillcast.hpp>

using namespace std::chrono_literals;

int main(int argc, char **argv) try {
    if (argc < 2) {
        std::cerr << "usage: player rtsp://HOST/PATH [FRAMES]\n";
        return 2;
    }
    const long wanted = argc > 2 ? std::atol(argv[2]) : -1;
    auto engine = rillcast::engine::make();
    rillcast::check(engine.pull("in", argv[1], RILL_TRANSPORT_TCP));
    auto settings = rillcast::config<rill_reader_config>();
    settings.track = 0;
    auto reader = engine.open("in", &settings);
    std::cout << "codec " << reader.track(0)->encoding << '\n';

    long frames = 0, keys = 0;
    std::size_t bytes = 0;
    rillcast::frame frame;
    while (frames != wanted) {
        const auto status = rillcast::check(reader.next(frame, 10s));
        if (status == RILL_LAGGED) continue;
        if (status != RILL_OK) break;
        for (const rill_span &piece : frame.spans()) bytes += rillcast::bytes(piece).size();
        keys += frame.key();
        frames++;
    }
    std::cout << frames << " frames, " << keys << " key frames, " << bytes << " bytes\n";
} catch (const rillcast::error &error) {
    std::cerr << "player: " << error.what() << '\n';
    return 1;
}
