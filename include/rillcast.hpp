/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/**
 * @file rillcast.hpp
 * @brief C++20 over rillcast.h: handles that free themselves, frames as spans. Header only.
 *
 * Every call comes as a noexcept function that returns a rill_status and writes its result through a
 * reference. Where exceptions are on (and RILLCAST_NO_EXCEPTIONS is not defined), check() turns an error
 * into rillcast::error, and functions named make() and open() give their result directly.
 *
 * Objects are moved, not copied. What rillcast.h says of threads holds here too.
 */
#ifndef RILLCAST_HPP
#define RILLCAST_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "rillcast.h"

#if defined(__cpp_exceptions) && !defined(RILLCAST_NO_EXCEPTIONS)
#define RILLCAST_EXCEPTIONS 1
#include <stdexcept>
#else
#define RILLCAST_EXCEPTIONS 0
#endif

namespace rillcast {

using status = rill_status;
using milliseconds = std::chrono::milliseconds;

/** Wait for ever. */
inline constexpr milliseconds forever{-1};

/** Whether a status is an error. */
[[nodiscard]] constexpr bool failed(status s) noexcept { return static_cast<std::int32_t>(s) < 0; }

#if RILLCAST_EXCEPTIONS
/** A call that failed: its status, and the library's text. */
class error : public std::runtime_error {
public:
    explicit error(status s) : std::runtime_error(rill_last_error()), status_(s) {}
    [[nodiscard]] status code() const noexcept { return status_; }

private:
    status status_;
};

/** Throws for an error; returns any other status. */
inline status check(status s) {
    if (failed(s)) throw error(s);
    return s;
}
#endif

/** A struct that its init function has filled: config<rill_reader_config>() and its like. */
template <typename Struct> [[nodiscard]] Struct config() noexcept;

#define RILLCAST_CONFIG(type)                                                                            \
    template <> [[nodiscard]] inline type config<type>() noexcept {                                      \
        type value;                                                                                      \
        type##_init(&value, sizeof value);                                                               \
        return value;                                                                                    \
    }
RILLCAST_CONFIG(rill_engine_config)
RILLCAST_CONFIG(rill_reader_config)
RILLCAST_CONFIG(rill_child_config)
RILLCAST_CONFIG(rill_encoded_track)
RILLCAST_CONFIG(rill_track)
RILLCAST_CONFIG(rill_engine_figures)
RILLCAST_CONFIG(rill_stream_figures)
RILLCAST_CONFIG(rill_track_figures)
RILLCAST_CONFIG(rill_child_figures)
RILLCAST_CONFIG(rill_histogram)
RILLCAST_CONFIG(rill_bench_config)
RILLCAST_CONFIG(rill_bench_result)
#undef RILLCAST_CONFIG

/** Owns a handle; frees it at its end. */
template <typename Handle, rill_status (*Free)(Handle *)> class owner {
public:
    owner() noexcept = default;
    explicit owner(Handle *handle) noexcept : handle_(handle) {}
    owner(owner &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    owner &operator=(owner &&other) noexcept {
        if (this != &other) reset(std::exchange(other.handle_, nullptr));
        return *this;
    }
    ~owner() { reset(); }

    /** Frees what is owned and owns `handle` instead. */
    void reset(Handle *handle = nullptr) noexcept { Free(std::exchange(handle_, handle)); }
    [[nodiscard]] Handle *get() const noexcept { return handle_; }
    explicit operator bool() const noexcept { return handle_ != nullptr; }

private:
    Handle *handle_ = nullptr;
};

/** A borrowed frame; given back at its end. */
class frame {
public:
    frame() noexcept = default;
    frame(frame &&other) noexcept : raw_(std::exchange(other.raw_, rill_frame{})) {}
    frame &operator=(frame &&other) noexcept {
        if (this != &other) {
            release();
            raw_ = std::exchange(other.raw_, rill_frame{});
        }
        return *this;
    }
    ~frame() { release(); }

    /** Gives it back; the frame is empty then. */
    void release() noexcept { rill_frame_release(&raw_); }

    /** A second reference to the same bytes. */
    [[nodiscard]] status ref(frame &out) const noexcept {
        out.release();
        return rill_frame_ref(&raw_, &out.raw_);
    }

    /** Its pieces, in order: see rill_frame.spans. */
    [[nodiscard]] std::span<const rill_span> spans() const noexcept {
        return {raw_.spans, raw_.span_count};
    }
    /** Bytes of all pieces together. */
    [[nodiscard]] std::size_t size() const noexcept { return raw_.size; }
    /** Copies all pieces to `out`, which must have room for size() bytes. */
    [[nodiscard]] status copy(std::span<std::uint8_t> out) const noexcept {
        return rill_frame_copy(&raw_, out.data(), out.size());
    }
    [[nodiscard]] bool key() const noexcept { return (raw_.flags & RILL_FRAME_KEY) != 0; }
    [[nodiscard]] bool damaged() const noexcept { return (raw_.flags & RILL_FRAME_DAMAGED) != 0; }
    [[nodiscard]] std::uint32_t track() const noexcept { return raw_.track; }
    [[nodiscard]] std::int64_t time() const noexcept { return raw_.time; }
    /** Whether there is anything in it. */
    explicit operator bool() const noexcept { return raw_.owner != 0; }
    /** The C struct: all that there is to know. */
    [[nodiscard]] const rill_frame &raw() const noexcept { return raw_; }

private:
    friend class reader;
    rill_frame raw_{};
};

/** The bytes of a piece. */
[[nodiscard]] inline std::span<const std::uint8_t> bytes(const rill_span &piece) noexcept {
    return {piece.data, piece.size};
}

/** Something that happened; its texts live as long as it does. */
class event {
public:
    event() noexcept = default;
    event(event &&other) noexcept : raw_(std::exchange(other.raw_, rill_event{})) {}
    event &operator=(event &&other) noexcept {
        if (this != &other) {
            rill_event_release(&raw_);
            raw_ = std::exchange(other.raw_, rill_event{});
        }
        return *this;
    }
    ~event() { rill_event_release(&raw_); }
    /** The C struct. */
    [[nodiscard]] const rill_event &raw() const noexcept { return raw_; }
    [[nodiscard]] const rill_event *operator->() const noexcept { return &raw_; }

private:
    friend class engine;
    rill_event raw_{};
};

/** Reads frames, or packets, of a stream. */
class reader : public owner<rill_reader, rill_reader_free> {
public:
    using owner::owner;

    /** The next frame: RILL_OK, RILL_AGAIN, RILL_LAGGED, RILL_END or an error. */
    [[nodiscard]] status next(frame &out, milliseconds timeout = forever) noexcept {
        out.release();
        return rill_reader_next(get(), timeout.count(), &out.raw_);
    }
    /** A descriptor to wait for; see rill_reader_fd(). */
    [[nodiscard]] status fd(int &out) noexcept { return rill_reader_fd(get(), &out); }
    [[nodiscard]] std::size_t tracks() const noexcept {
        std::size_t count = 0;
        rill_reader_track_count(get(), &count);
        return count;
    }
    /** What a track is; nothing when there is no such track. */
    [[nodiscard]] std::optional<rill_track> track(std::size_t index) const noexcept {
        rill_track out = config<rill_track>();
        if (rill_reader_track(get(), index, &out) != RILL_OK) return std::nullopt;
        return out;
    }
};

/** Feeds a stream. */
class source : public owner<rill_source, rill_source_free> {
public:
    using owner::owner;

    [[nodiscard]] status push_rtp(std::size_t track, std::span<const std::uint8_t> packet) noexcept {
        return rill_source_push_rtp(get(), track, packet.data(), packet.size());
    }
    [[nodiscard]] status push_rtp(std::size_t track, std::span<const rill_span> packets) noexcept {
        return rill_source_push_rtp_batch(get(), track, packets.data(), packets.size());
    }
    [[nodiscard]] status push_frame(std::size_t track, std::span<const std::uint8_t> frame,
                      std::chrono::nanoseconds time) noexcept {
        const auto ns = static_cast<std::uint64_t>(time.count());
        return rill_source_push_frame(get(), track, frame.data(), frame.size(), ns);
    }
    /** Whether a player has asked for a key frame since this was asked last. */
    [[nodiscard]] bool key_frame_wanted(std::size_t track) noexcept {
        std::int32_t wanted = 0;
        return rill_source_key_frame_wanted(get(), track, &wanted) == RILL_OK && wanted != 0;
    }
};

/**
 * A receiver that the program has added; removed at its end. It may outlive the engine; its calls fail then
 * (RILL_ERROR_HANDLE).
 */
class child {
public:
    child() noexcept = default;
    /** Takes charge of a child that was added by rill_child_add_udp() or rill_child_add_fd(). */
    child(rill_engine *engine, std::uint64_t number) noexcept : engine_(engine), number_(number) {}
    child(child &&other) noexcept : engine_(other.engine_), number_(other.let_go()) {}
    child &operator=(child &&other) noexcept {
        if (this != &other) {
            remove();
            engine_ = other.engine_;
            number_ = other.let_go();
        }
        return *this;
    }
    ~child() { remove(); }

    /** Removes it now; RILL_ERROR_NO_CHILD when it had left. */
    status remove() noexcept {
        return number_ == 0 ? RILL_OK : rill_child_remove(engine_, std::exchange(number_, 0));
    }
    /** It goes on without this object, until it leaves or is removed by its number, which this returns. */
    std::uint64_t let_go() noexcept { return std::exchange(number_, 0); }
    /** Its number; 0 when there is none. */
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    explicit operator bool() const noexcept { return number_ != 0; }

    status pause() noexcept { return rill_child_pause(engine_, number_); }
    /** Sends to it again: from the newest key frame, or from what comes next. */
    status resume(rill_start start = RILL_START_KEY_FRAME) noexcept {
        return rill_child_resume(engine_, number_, static_cast<std::int32_t>(start));
    }
    /** Puts bytes between two packets of its connection; see rill_child_write(). */
    [[nodiscard]] status write(std::span<const std::uint8_t> bytes) noexcept {
        return rill_child_write(engine_, number_, bytes.data(), bytes.size());
    }
    /** What it was sent, and was not. */
    [[nodiscard]] status figures(rill_child_figures &out) const noexcept {
        out = config<rill_child_figures>();
        return rill_child_get_figures(engine_, number_, &out);
    }

private:
    rill_engine *engine_ = nullptr;
    std::uint64_t number_ = 0;
};

/** A relay engine. */
class engine : public owner<rill_engine, rill_engine_free> {
public:
    using owner::owner;

    /** Makes and starts one. */
    [[nodiscard]] static status make(engine &out, const rill_engine_config *settings = nullptr) noexcept {
        rill_engine *handle = nullptr;
        status s = rill_engine_new(settings, &handle);
        if (failed(s)) return s;
        out.reset(handle);
        return rill_engine_start(handle);
    }
    status stop() noexcept { return rill_engine_stop(get()); }
    [[nodiscard]] status listen(const char *address, std::uint16_t *port = nullptr) noexcept {
        return rill_engine_listen(get(), address, port);
    }
    [[nodiscard]] status pull(const char *path, const char *url,
                rill_transport transport = RILL_TRANSPORT_AUTO) noexcept {
        return rill_engine_pull(get(), path, url, static_cast<std::int32_t>(transport));
    }
    /** From the first URL, for which the others stand by; see rill_engine_pull_from(). */
    [[nodiscard]] status pull_from(const char *path, std::span<const char *const> urls,
                     rill_transport transport = RILL_TRANSPORT_AUTO) noexcept {
        return rill_engine_pull_from(get(), path, urls.data(), urls.size(),
                                     static_cast<std::int32_t>(transport));
    }
    /** Has a stream that is pulled go over to other servers; see rill_engine_set_upstreams(). */
    [[nodiscard]] status set_upstreams(const char *path, std::span<const char *const> urls,
                         rill_transport transport = RILL_TRANSPORT_AUTO) noexcept {
        return rill_engine_set_upstreams(get(), path, urls.data(), urls.size(),
                                         static_cast<std::int32_t>(transport));
    }
    [[nodiscard]] status pull_on_demand(const char *path, const char *url, milliseconds grace,
                          rill_transport transport = RILL_TRANSPORT_AUTO) noexcept {
        return rill_engine_pull_on_demand(get(), path, url, static_cast<std::int32_t>(transport),
                                          static_cast<std::uint32_t>(grace.count()));
    }
    /** The stream at `source` stands in at `path`; nullptr: none does any more. */
    [[nodiscard]] status set_fallback(const char *path, const char *source) noexcept {
        return rill_engine_set_fallback(get(), path, source);
    }
    [[nodiscard]] status end_stream(const char *path) noexcept { return rill_engine_end_stream(get(), path); }
    [[nodiscard]] status push(const char *path, const char *url,
                rill_transport transport = RILL_TRANSPORT_AUTO) noexcept {
        return rill_engine_push(get(), path, url, static_cast<std::int32_t>(transport));
    }
    [[nodiscard]] status open(reader &out, const char *path, const rill_reader_config *settings = nullptr) noexcept {
        rill_reader *handle = nullptr;
        const status s = rill_reader_new(get(), path, settings, &handle);
        if (!failed(s)) out.reset(handle);
        return s;
    }
    [[nodiscard]] status open_rtp(source &out, const char *path, const char *sdp) noexcept {
        rill_source *handle = nullptr;
        const status s = rill_source_new_rtp(get(), path, sdp, &handle);
        if (!failed(s)) out.reset(handle);
        return s;
    }
    [[nodiscard]] status open_media(source &out, const char *path,
                      std::span<const rill_encoded_track> tracks) noexcept {
        rill_source *handle = nullptr;
        const status s = rill_source_new_media(get(), path, tracks.data(), tracks.size(), &handle);
        if (!failed(s)) out.reset(handle);
        return s;
    }
    [[nodiscard]] status next_event(event &out, milliseconds timeout = forever) noexcept {
        rill_event_release(&out.raw_);
        return rill_engine_next_event(get(), timeout.count(), &out.raw_);
    }
    [[nodiscard]] status event_fd(int &out) noexcept { return rill_engine_event_fd(get(), &out); }
    /**
     * Sends a stream to UDP: for each track "IP:PORT", or nullptr when it is not wanted. RTCP goes to the
     * port above; where it is to go elsewhere, rill_child_add_udp() says so.
     */
    [[nodiscard]] status add_udp(child &out, const char *path, std::span<const char *const> addresses,
                                 const rill_child_config *settings = nullptr) noexcept {
        std::uint64_t number = 0;
        const status s = rill_child_add_udp(get(), path, settings, addresses.data(), nullptr,
                                            addresses.size(), &number);
        if (!failed(s)) out = child(get(), number);
        return s;
    }
    /**
     * Sends the first `tracks` tracks of a stream into a connected socket, interleaved, on channels 0 and 1,
     * 2 and 3 and so on. On success the descriptor is the library's; see rill_child_add_fd().
     */
    [[nodiscard]] status add_connection(child &out, const char *path, int fd, std::size_t tracks,
                                        const rill_child_config *settings = nullptr) noexcept {
        std::uint64_t number = 0;
        const status s = rill_child_add_fd(get(), path, settings, fd, nullptr, tracks, &number);
        if (!failed(s)) out = child(get(), number);
        return s;
    }
    /** Figures of all children of a stream, as many as `out` has room for; `count` is how many there are. */
    [[nodiscard]] status children(std::span<rill_child_figures> out, std::size_t &count,
                                  const char *path) noexcept {
        for (auto &figures : out) figures = config<rill_child_figures>();
        return rill_child_list(get(), path, out.data(), out.size(), &count);
    }
    /** Figures of all streams, as many as `out` has room for; `count` is how many there are. */
    [[nodiscard]] status streams(std::span<rill_stream_figures> out, std::size_t &count) noexcept {
        for (auto &figures : out) figures = config<rill_stream_figures>();
        return rill_stream_list(get(), out.data(), out.size(), &count);
    }
    [[nodiscard]] status figures(rill_engine_figures &out) noexcept {
        out = config<rill_engine_figures>();
        return rill_engine_get_figures(get(), &out);
    }
    [[nodiscard]] status figures(rill_stream_figures &out, const char *path) noexcept {
        out = config<rill_stream_figures>();
        return rill_stream_get_figures(get(), path, &out);
    }
    [[nodiscard]] status figures(rill_track_figures &out, const char *path, std::size_t track) noexcept {
        out = config<rill_track_figures>();
        return rill_track_get_figures(get(), path, track, &out);
    }
    /** How long packets of a stream stayed in the engine. */
    [[nodiscard]] status latency(rill_histogram &out, const char *path) noexcept {
        out = config<rill_histogram>();
        return rill_stream_get_latency(get(), path, &out);
    }

#if RILLCAST_EXCEPTIONS
    /** Makes and starts one, or throws. */
    static engine make(const rill_engine_config *settings = nullptr) {
        engine out;
        check(make(out, settings));
        return out;
    }
    /** A reader of a stream, or throws. */
    [[nodiscard]] reader open(const char *path, const rill_reader_config *settings = nullptr) {
        reader out;
        check(open(out, path, settings));
        return out;
    }
    /** A receiver by UDP, or throws. */
    [[nodiscard]] child add_udp(const char *path, std::span<const char *const> addresses,
                                const rill_child_config *settings = nullptr) {
        child out;
        check(add_udp(out, path, addresses, settings));
        return out;
    }
    /** A receiver by connection, or throws. */
    [[nodiscard]] child add_connection(const char *path, int fd, std::size_t tracks,
                                       const rill_child_config *settings = nullptr) {
        child out;
        check(add_connection(out, path, fd, tracks, settings));
        return out;
    }
    /** A stream of RTP packets, or throws. */
    [[nodiscard]] source open_rtp(const char *path, const char *sdp) {
        source out;
        check(open_rtp(out, path, sdp));
        return out;
    }
#endif
};

} // namespace rillcast

#endif // RILLCAST_HPP
