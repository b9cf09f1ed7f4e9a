// A proxy in the shape of an asio program: handlers by descriptor, no callback from the library.
//
// 1. pulls a stream; 2. a reader's descriptor is waited for with the engine's in one loop; 3. the packets
// are handed on to a UDP receiver by the engine, and counted here as they pass.
//
//     c++ -std=c++20 proxy.cpp $(pkg-config --cflags --libs rillcast) -o proxy
//     ./proxy rtsp://127.0.0.1:8554/live 127.0.0.1:5004 [PACKETS]
#include <cstdlib>
#include <functional>
#include <iostream>
#include <poll.h>
#include <rillcast.hpp>
#include <vector>

// What asio::io_context does for posix::stream_descriptor::async_wait.
class loop {
public:
    void on_readable(int fd, std::function<void()> handler) {
        waits_.push_back({fd, POLLIN, 0});
        handlers_.push_back(std::move(handler));
    }
    void run() {
        while (!stopped_ && ::poll(waits_.data(), waits_.size(), -1) >= 0)
            for (std::size_t i = 0; i < waits_.size() && !stopped_; i++)
                if (waits_[i].revents != 0) handlers_[i]();
    }
    void stop() { stopped_ = true; }

private:
    std::vector<pollfd> waits_;
    std::vector<std::function<void()>> handlers_;
    bool stopped_ = false;
};

int main(int argc, char **argv) try {
    if (argc < 3) {
        std::cerr << "usage: proxy rtsp://HOST/PATH IP:PORT [PACKETS]\n";
        return 2;
    }
    const unsigned long wanted = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0;
    auto engine = rillcast::engine::make();
    rillcast::check(engine.pull("in", argv[1], RILL_TRANSPORT_TCP));
    auto settings = rillcast::config<rill_reader_config>();
    settings.format = RILL_FORMAT_RTP;
    auto reader = engine.open("in", &settings);
    const char *receiver = argv[2];
    auto child = engine.add_udp("in", {&receiver, 1});

    loop events;
    unsigned long packets = 0;
    int reading = -1, happening = -1;
    rillcast::check(reader.fd(reading));
    rillcast::check(engine.event_fd(happening));
    events.on_readable(reading, [&] {
        rillcast::frame run;
        rillcast::status status;
        while ((status = rillcast::check(reader.next(run, rillcast::milliseconds{0}))) == RILL_OK)
            packets += run.spans().size();
        if (status == RILL_END || (wanted != 0 && packets >= wanted)) events.stop();
    });
    events.on_readable(happening, [&] {
        rillcast::event event;
        while (engine.next_event(event, rillcast::milliseconds{0}) == RILL_OK)
            std::cerr << event->path << ' ' << event->peer << ' ' << event->text << '\n';
    });
    events.run();
    rill_child_figures figures;
    rillcast::check(child.figures(figures));
    std::cout << packets << " packets read, " << figures.sent << " sent on\n";
} catch (const rillcast::error &error) {
    std::cerr << "proxy: " << error.what() << '\n';
    return 1;
}
