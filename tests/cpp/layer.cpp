// What the C++ layer has and no example uses: children and figures, with exceptions and without. A packet goes to a
// UDP socket and into a connection, and every account of it says the same.
#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <rillcast.hpp>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CHECK(condition)                                                                                   \
    do {                                                                                                   \
        if (!(condition)) {                                                                                \
            std::fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, rill_last_error());   \
            std::exit(1);                                                                                  \
        }                                                                                                  \
    } while (0)
#define OK(call) CHECK((call) == RILL_OK)

static const char sdp[] = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\n"
                          "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
// A key frame in one packet.
static const std::array<std::uint8_t, 15> packet{0x80, 0xe0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 0x65, 0x88, 0x80};

// A UDP socket that gives up after half a minute, and its address.
static int receiver(std::string &address) {
    sockaddr_in at{};
    socklen_t length = sizeof at;
    const timeval patience{30, 0};
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::bind(fd, reinterpret_cast<sockaddr *>(&at), sizeof at) == 0);
    CHECK(::getsockname(fd, reinterpret_cast<sockaddr *>(&at), &length) == 0);
    CHECK(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    return fd;
}

int main() {
    rillcast::engine engine;
    rillcast::source source;
    rillcast::child by_udp, by_connection;
    OK(rillcast::engine::make(engine));
    OK(engine.open_rtp(source, "a", sdp));
    std::string address;
    std::array<int, 2> pair{};
    const int socket = receiver(address);
    const char *const addresses[] = {address.c_str()};
    const char *const nowhere[] = {"nowhere"};
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) == 0);
    CHECK(engine.add_udp(by_udp, "a", nowhere) == RILL_ERROR_ARGUMENT && !by_udp);
    OK(engine.add_udp(by_udp, "a", addresses));
    auto settings = rillcast::config<rill_child_config>();
    settings.paused = 1;
    OK(engine.add_connection(by_connection, "a", pair[0], 1, &settings));
    OK(source.push_rtp(0, packet));

    // The one has it; the other, which is paused, gets no more than what is put between the packets.
    std::array<std::uint8_t, 64> got{};
    CHECK(::recv(socket, got.data(), got.size(), 0) == static_cast<ssize_t>(packet.size()));
    OK(by_connection.write(std::array<std::uint8_t, 2>{'o', 'k'}));
    CHECK(::read(pair[1], got.data(), got.size()) == 2 && got[0] == 'o');
    OK(by_connection.resume());
    CHECK(::read(pair[1], got.data(), got.size()) > 0 && got[0] == '$');
    OK(by_udp.pause());

    rill_child_figures child;
    rill_engine_figures all;
    rill_stream_figures stream;
    rill_track_figures track;
    OK(by_udp.figures(child));
    CHECK(child.child == by_udp.number() && child.sent == 1 && child.playing == 0 && child.tcp == 0);
    OK(engine.figures(stream, "a"));
    CHECK(stream.received == 1 && stream.published == 1 && stream.children == 2);
    OK(engine.figures(track, "a", 0));
    CHECK(track.packets == 1 && track.key_frames == 1);
    CHECK(engine.figures(track, "a", 1) == RILL_ERROR_NO_TRACK);
    OK(engine.figures(all));
    CHECK(all.streams == 1 && all.backend[0] != '\0');

    std::array<rill_child_figures, 3> children;
    std::array<rill_stream_figures, 2> streams;
    std::size_t count = 0;
    OK(engine.children(children, count, "a"));
    CHECK(count == 2 && children[0].child != children[1].child && children[2].child == 0);
    OK(engine.streams(streams, count));
    CHECK(count == 1 && std::string(streams[0].path) == "a");

    // A child ends with its object, with what takes its place, or goes on without it.
    by_udp = std::move(by_connection);
    OK(engine.children(children, count, "a"));
    CHECK(count == 1 && children[0].child == by_udp.number() && !by_connection);
    const auto number = by_udp.let_go();
    OK(by_udp.remove());
    {
        const rillcast::child taken(engine.get(), number);
        OK(engine.children(children, count, "a"));
        CHECK(count == 1);
    }
    OK(engine.children(children, count, "a"));
    CHECK(count == 0);
#if RILLCAST_EXCEPTIONS
    try {
        (void)engine.add_udp("a", nowhere);
        CHECK(false); // an address that is none was taken
    } catch (const rillcast::error &error) {
        CHECK(error.code() == RILL_ERROR_ARGUMENT);
    }
    const auto another = engine.add_udp("a", addresses);
    CHECK(another.number() > number);
#endif
    ::close(pair[1]);
    ::close(socket);
    return 0;
}
