/* SPDX-License-Identifier: Apache-2.0 OR MIT */

#ifndef RILLCAST_H
#define RILLCAST_H

/* Generated from the crate rillcast-ffi by cbindgen; do not edit. RILLCAST_WRITE_HEADER=1 cargo test -p rillcast-ffi --test header writes it anew. */


/**
 * @file rillcast.h
 * @brief The C API of the Rillcast relay engine, version 0.1.0.
 *
 * RTP comes in once and goes out to very many; on the way, a program reads whole frames or packets of it
 * without a copy. docs/c-api.md tells the concepts; what follows holds for every function.
 *
 * Status. Every call that can fail returns a rill_status: 0 is success, a positive number success of
 * another kind (nothing there, lagged, end), a negative one an error, of which rill_last_error() has the
 * text. Outputs are the last arguments, and are written only on success.
 *
 * Handles (rill_engine, rill_reader, ...) are numbers in the clothes of pointers: never follow one. NULL,
 * a freed handle, or one of another kind gives RILL_ERROR_HANDLE. Each *_new has its *_free, in any
 * order: nothing has to outlive anything.
 *
 * Pointers are checked for NULL and alignment; otherwise they must be what the function says they are.
 * Texts are UTF-8 and end with a zero byte. The library keeps no pointer after a call has returned, but
 * for what rill_log_set() is given.
 *
 * Threads. Functions of an engine may be called from any thread, several at once. A reader or a source is
 * for one thread at a time, which one may change; a call that meets another one returns RILL_ERROR_BUSY.
 * Frames and events may be released from any thread. The library never calls your code, but for log
 * lines. Its own threads take no signals, but for those of faults.
 *
 * Structs that begin with struct_size are to be filled by their init function, with sizeof; so they can
 * grow. Numbers of enumerations are passed as int32_t; one without a meaning gives RILL_ERROR_ARGUMENT.
 *
 * Descriptors that the library hands out are for waiting only. fork(): a child process must not call the
 * library with handles made before; exec is fine.
 */

#include <stddef.h>
#include <stdint.h>

/** Version of this header; rill_version() is that of the library in use. */
#define RILL_VERSION "0.1.0"
/** First number of the version. */
#define RILL_VERSION_MAJOR 0
/** Second number of the version. */
#define RILL_VERSION_MINOR 1
/** Third number of the version. */
#define RILL_VERSION_PATCH 0

/** Has the compiler warn when the status of a call is ignored without which nothing works. */
#if defined(__cplusplus) && __cplusplus >= 201703L
#define RILL_MUST_USE [[nodiscard]]
#elif defined(__GNUC__)
#define RILL_MUST_USE __attribute__((warn_unused_result))
#else
#define RILL_MUST_USE
#endif


/**
 * A decoder may start at this frame.
 */
#define RILL_FRAME_KEY 1

/**
 * Packets of this frame are missing, or may be.
 */
#define RILL_FRAME_DAMAGED 2

/**
 * A parameter set in this frame is new (H.264, whole frames).
 */
#define RILL_FRAME_NEW_PARAMETERS 4

/**
 * The frame begins with the first of these packets (RILL_FORMAT_RTP).
 */
#define RILL_FRAME_BEGIN 8

/**
 * The frame ends with the last of these packets (RILL_FORMAT_RTP).
 */
#define RILL_FRAME_END 16

/**
 * The packets are RTCP: sender reports (RILL_FORMAT_RTP).
 */
#define RILL_FRAME_RTCP 32

/**
 * Causes that rill_stream_figures.dropped has room for.
 */
#define RILL_CAUSES 16

/**
 * Buckets of rill_histogram.
 */
#define RILL_BUCKETS 93

/**
 * What a call came to: 0 is success, a positive number success of another kind, a negative one an
 * error. Numbers are never given a new meaning; a program should treat one that it does not know by
 * its sign.
 */
enum rill_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Done.
     */
    RILL_OK = 0,
    /**
     * Nothing came in the time given. Ask again, or wait for the file descriptor.
     */
    RILL_AGAIN = 1,
    /**
     * The reader was too slow and has lost packets; it goes on at the newest key frame. A decoder
     * has to be reset.
     */
    RILL_LAGGED = 2,
    /**
     * The stream (or the engine) is over and everything was taken.
     */
    RILL_END = 3,
    /**
     * An argument is NULL, too large, misaligned, not UTF-8, or has no meaning.
     */
    RILL_ERROR_ARGUMENT = -1,
    /**
     * A handle is NULL, was freed, or is of another kind.
     */
    RILL_ERROR_HANDLE = -2,
    /**
     * The object is in use by another thread at this moment, and is for one thread at a time. Also
     * what every call from within a log callback returns.
     */
    RILL_ERROR_BUSY = -3,
    /**
     * The system refused something: a port, a descriptor, a thread.
     */
    RILL_ERROR_SYSTEM = -4,
    /**
     * A URL cannot be used, or its host is not found.
     */
    RILL_ERROR_URL = -5,
    /**
     * A session description (SDP) cannot be used.
     */
    RILL_ERROR_SDP = -6,
    /**
     * The path has a stream already.
     */
    RILL_ERROR_PATH_TAKEN = -7,
    /**
     * There is no stream at the path; of a source, its stream has ended.
     */
    RILL_ERROR_NO_STREAM = -8,
    /**
     * The stream has no such track.
     */
    RILL_ERROR_NO_TRACK = -9,
    /**
     * The stream has no such child.
     */
    RILL_ERROR_NO_CHILD = -10,
    /**
     * More of something than the configuration allows.
     */
    RILL_ERROR_TOO_MANY = -11,
    /**
     * The reader's frames are all held: release some.
     */
    RILL_ERROR_FRAMES_HELD = -12,
    /**
     * The engine is not running.
     */
    RILL_ERROR_STOPPED = -13,
    /**
     * This version, or this object, cannot do that.
     */
    RILL_ERROR_UNSUPPORTED = -14,
    /**
     * A fault inside the library; please report the text of rill_last_error().
     */
    RILL_ERROR_INTERNAL = -15,
    /**
     * Frames that were not released, or receivers that are behind, hold all buffers that a source may have: some or
     * all of what was pushed was dropped, and is counted (`pool_spent`). The next call may succeed.
     */
    RILL_ERROR_NO_BUFFER = -16,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum rill_status rill_status;
#else
typedef int32_t rill_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How much a log line matters.
 */
typedef enum rill_log_level {
    /**
     * Nothing at all; only for rill_log_set().
     */
    RILL_LOG_OFF = 0,
    /**
     * Something cannot work.
     */
    RILL_LOG_ERROR = 1,
    /**
     * Something should be mended.
     */
    RILL_LOG_WARN = 2,
    /**
     * What happened: streams and children that come and go.
     */
    RILL_LOG_INFO = 3,
    /**
     * What helps to find a fault.
     */
    RILL_LOG_DEBUG = 4,
    /**
     * Everything.
     */
    RILL_LOG_TRACE = 5,
} rill_log_level;

/**
 * Where in a stream one begins who has just come.
 */
typedef enum rill_start {
    /**
     * With everything since the newest key frame, at once: a picture is there immediately.
     */
    RILL_START_KEY_FRAME = 0,
    /**
     * With the next packet that comes in.
     */
    RILL_START_LIVE = 1,
} rill_start;

/**
 * How RTP travels between two RTSP peers.
 */
typedef enum rill_transport {
    /**
     * As datagrams; interleaved when the other side refuses them.
     */
    RILL_TRANSPORT_AUTO = 0,
    /**
     * As datagrams.
     */
    RILL_TRANSPORT_UDP = 1,
    /**
     * Interleaved in the RTSP connection.
     */
    RILL_TRANSPORT_TCP = 2,
} rill_transport;

/**
 * What an event tells.
 */
typedef enum rill_event_kind {
    /**
     * Something that this version of the API has no number for; `text` says what.
     */
    RILL_EVENT_OTHER = 0,
    /**
     * A stream is there: it can be played. `peer`: where it comes from.
     */
    RILL_EVENT_STREAM_STARTED = 1,
    /**
     * A stream is over. `text`: why.
     */
    RILL_EVENT_STREAM_ENDED = 2,
    /**
     * A player began. `peer`: its address; `text`: "udp", "multicast" or "tcp".
     */
    RILL_EVENT_CHILD_STARTED = 3,
    /**
     * A player is gone (`peer`: its address), or a child that the program had added (`child`). `text`:
     * why.
     */
    RILL_EVENT_CHILD_ENDED = 4,
    /**
     * The server that a stream is pushed to takes it. `peer`: its URL.
     */
    RILL_EVENT_PUSH_STARTED = 5,
    /**
     * A push did not come about, or ended. `peer`: its URL; `text`: why.
     */
    RILL_EVENT_PUSH_ENDED = 6,
    /**
     * A pull did not come about. `peer`: its URL; `text`: why.
     */
    RILL_EVENT_PULL_FAILED = 7,
    /**
     * Something that the operator should mend. `text`: what, with the command that does.
     */
    RILL_EVENT_WARNING = 8,
    /**
     * The last child of a stream that is over has gone. `text`: the stream's account.
     */
    RILL_EVENT_STREAM_CLOSED = 9,
    /**
     * Somebody wanted to publish and was refused. `peer`: its address; `text`: why.
     */
    RILL_EVENT_PUBLISHER_REFUSED = 10,
    /**
     * The source of a stream is gone; its players wait for it to come back. `text`: why.
     */
    RILL_EVENT_STREAM_INTERRUPTED = 11,
    /**
     * A stream goes on. `peer`: where it comes from now.
     */
    RILL_EVENT_STREAM_RESUMED = 12,
    /**
     * A server stands by for a stream that is pulled. `peer`: its URL.
     */
    RILL_EVENT_STANDBY_READY = 13,
    /**
     * A server does not stand by for a stream, or no longer. `peer`: its URL; `text`: why.
     */
    RILL_EVENT_STANDBY_LOST = 14,
    /**
     * A stream comes from another server than before; its players have not noticed. `peer`: the URL it comes from
     * now; `text`: the account of it; `gap_ns` and `missing`.
     */
    RILL_EVENT_UPSTREAM_SWITCHED = 15,
    /**
     * Nobody took events in time, and some were lost. `text`: how many.
     */
    RILL_EVENT_EVENTS_LOST = 16,
} rill_event_kind;

/**
 * What a track carries.
 */
typedef enum rill_media {
    /**
     * Something else.
     */
    RILL_MEDIA_OTHER = 0,
    /**
     * Pictures.
     */
    RILL_MEDIA_VIDEO = 1,
    /**
     * Sound.
     */
    RILL_MEDIA_AUDIO = 2,
} rill_media;

/**
 * What a track is coded in.
 */
typedef enum rill_codec {
    /**
     * Anything else: it passes through; its name is in `encoding`.
     */
    RILL_CODEC_OTHER = 0,
    /**
     * H.264.
     */
    RILL_CODEC_H264 = 1,
    /**
     * H.265; it passes through.
     */
    RILL_CODEC_H265 = 2,
    /**
     * AAC.
     */
    RILL_CODEC_AAC = 3,
} rill_codec;

/**
 * What a reader gives.
 */
typedef enum rill_format {
    /**
     * Whole frames; H.264 with start codes (annex B).
     */
    RILL_FORMAT_ANNEX_B = 0,
    /**
     * Whole frames; H.264 with 4-byte lengths, as in MP4.
     */
    RILL_FORMAT_AVCC = 1,
    /**
     * RTP packets as they come, without waiting for the frame to be whole: of one track and one frame
     * at a time. Sender reports are among them.
     */
    RILL_FORMAT_RTP = 2,
} rill_format;

/**
 * Who is let in by the RTSP server.
 */
typedef enum rill_access_mode {
    /**
     * Everyone.
     */
    RILL_ACCESS_ALL = 0,
    /**
     * Whom the program lets in: see rill_engine_next_access().
     */
    RILL_ACCESS_ASK = 1,
} rill_access_mode;

/**
 * What somebody wants to do.
 */
typedef enum rill_action {
    /**
     * Receive the stream of a path.
     */
    RILL_ACTION_PLAY = 0,
    /**
     * Send a stream to a path.
     */
    RILL_ACTION_PUBLISH = 1,
} rill_action;

/**
 * What packets are carried by.
 */
typedef enum rill_backend {
    /**
     * The best that is there; rill_engine_figures says which, and why.
     */
    RILL_BACKEND_AUTO = 0,
    /**
     * epoll, recvmmsg and sendmmsg, with segmentation offload (Linux).
     */
    RILL_BACKEND_MMSG = 1,
    /**
     * io_uring (Linux 6.1 and newer, where it is allowed).
     */
    RILL_BACKEND_URING = 2,
    /**
     * A system call for each datagram, no offload: everywhere.
     */
    RILL_BACKEND_MIO = 3,
} rill_backend;

/**
 * A relay engine: a handle, not to be followed.
 *
 * Its functions may be called from any thread, several at once.
 */
typedef struct rill_engine rill_engine;

/**
 * A reader of one stream: a handle, not to be followed.
 *
 * For one thread at a time; which one may change. A reader that another thread is using answers
 * RILL_ERROR_BUSY. It never slows the engine or other readers down.
 */
typedef struct rill_reader rill_reader;

/**
 * What a stream is fed by: a handle, not to be followed.
 *
 * For one thread at a time; which one may change. A source that another thread is using answers
 * RILL_ERROR_BUSY. It has packet buffers of its own, as many bytes as a stream (see `buffer_bytes` and
 * `total_buffer_bytes` of rill_engine_config).
 */
typedef struct rill_source rill_source;

/**
 * Takes a log line: its level (a number of rill_log_level), the part of the library that it comes
 * from, and its text, both valid during the call only.
 *
 * It is called on threads of the library and on those that call it, several at a time. It must be
 * quick, must not throw, and must not call the library: calls from within it return
 * RILL_ERROR_BUSY.
 */
typedef void (*rill_log_callback)(void *user, int32_t level, const char *target, const char *text);

/**
 * Settings of an engine. Fill it by rill_engine_config_init(), then change what you want changed.
 */
typedef struct rill_engine_config {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * Packets that the ring of a stream holds at most, 1 to 1,048,576 (no fewer than 4,096 are taken). By default
     * 8,192.
     */
    uint32_t ring_packets;
    /**
     * Readers of one stream at most, 1 to 4,096. By default 32.
     */
    uint32_t max_readers;
    /**
     * Bytes of packet buffers that one stream may hold; a rill_source that feeds it as many again. 1 MiB or
     * more, by default 32 MiB.
     */
    uint64_t buffer_bytes;
    /**
     * How long groups of pictures older than the present one are kept, in ms. By default 4,000.
     */
    uint32_t history_ms;
    /**
     * How far a connection may lag behind before it is skipped to the newest key frame, in ms. By default
     * 3,000.
     */
    uint32_t max_lag_ms;
    /**
     * How long a connection may take nothing at all before it is cut off, in ms. By default 10,000.
     */
    uint32_t cut_off_ms;
    /**
     * Bytes sent in one millisecond to a UDP child that has just come. By default 4,096.
     */
    uint32_t burst_bytes;
    /**
     * Where in a stream a new player begins: a number of rill_start. By default at the newest key frame.
     */
    int32_t start;
    /**
     * How long an RTSP session lives without a sign of life, in ms. By default 60,000.
     */
    uint32_t session_timeout_ms;
    /**
     * How long a pull or a push may take to come about, in ms. By default 10,000.
     */
    uint32_t connect_timeout_ms;
    /**
     * RTSP connections served at once and, counted apart, children that the program adds. By default
     * 10,000.
     */
    uint32_t max_connections;
    /**
     * Streams at once and, counted apart, sources that were not freed. By default 4,096.
     */
    uint32_t max_streams;
    /**
     * Bytes of receive buffer asked of the kernel for each UDP socket; 0 is the system's default. By default
     * 4 MiB.
     */
    uint32_t udp_receive_buffer;
    /**
     * Bytes of send buffer asked of the kernel for each UDP socket; 0 is the system's default. By default 4 MiB.
     */
    uint32_t udp_send_buffer;
    /**
     * Whether the kernel may hand over several datagrams as one (GRO): 0 or 1. By default 1.
     */
    int32_t udp_gro;
    /**
     * Who may play and publish: a number of rill_access_mode. By default everyone.
     */
    int32_t access;
    /**
     * How long the players of a stream wait for its source to come back after it was lost, in ms; 0,
     * the default, ends the stream at once.
     */
    uint32_t linger_ms;
    /**
     * Whether a publisher may take a path from the one that is there: 0 or 1. By default 0.
     */
    int32_t takeover;
    /**
     * Whether packets lost over UDP are sent again in a stream of their own (RFC 4588) to players that set up
     * the profile RTP/AVPF: 0 or 1, by default 0. Others get them again as they were.
     */
    int32_t retransmission;
    /**
     * Bytes of packet buffers that all streams and sources together may hold. When they are so many that
     * `buffer_bytes` for each would be more, each has its equal share, but never less than 1 MiB. A source whose
     * stream was ended holds one buffer at most (256 KiB). By default 4 GiB.
     */
    uint64_t total_buffer_bytes;
    /**
     * RTSP connections at once from one address, or from one IPv6 network (/64). By default 5,000.
     */
    uint32_t max_connections_per_address;
    /**
     * How long the program may take to answer who may play and publish (RILL_ACCESS_ASK), in ms. By default
     * 10,000.
     */
    uint32_t access_timeout_ms;
    /**
     * The multicast groups for streams whose players ask for that, such as "239.1.2.0/24": each stream that is
     * wanted so has one of them, and is sent there once for all. NULL: no multicast.
     */
    const char *multicast;
    /**
     * IPv4 address of the interface that multicast is sent from; NULL: the one that the route to the group has.
     */
    const char *multicast_interface;
    /**
     * Routers that multicast may pass, plus one: 1 to 255. By default 1, which keeps it in the local network.
     */
    uint32_t multicast_ttl;
    /**
     * Threads that send to children, 0 to 256. With 0, the default, the engine's own thread does that too, which costs least as
     * long as one processor is enough.
     */
    uint32_t workers;
    /**
     * Whether each thread of the engine is kept on one processor: 0 or 1. By default 0.
     */
    int32_t pin;
    /**
     * What packets are carried by: a number of rill_backend, by default the best there is. One that is not there makes
     * rill_engine_start() fail.
     */
    int32_t backend;
} rill_engine_config;

/**
 * Something that happened. The texts are UTF-8, never NULL, and valid until rill_event_release().
 */
typedef struct rill_event {
    /**
     * A number of rill_event_kind.
     */
    int32_t kind;
    /**
     * 0.
     */
    int32_t reserved_kind;
    /**
     * Path of the stream that it is about; "" when it is about none.
     */
    const char *path;
    /**
     * Who is at the other end; see rill_event_kind.
     */
    const char *peer;
    /**
     * A sentence for people; see rill_event_kind.
     */
    const char *text;
    /**
     * Number of the child that it is about, if the program had added it; else 0.
     */
    uint64_t child;
    /**
     * The library's.
     */
    uint64_t owner;
    /**
     * RILL_EVENT_UPSTREAM_SWITCHED: the longest time in the change without a new packet, in ns.
     */
    uint64_t gap_ns;
    /**
     * RILL_EVENT_UPSTREAM_SWITCHED: packets that came from neither server. 0: nothing was lost.
     */
    uint64_t missing;
    /**
     * 0.
     */
    uint64_t reserved;
} rill_event;

/**
 * Somebody wants in. The texts are UTF-8, never NULL, and valid until the answer: one of
 * rill_access_allow(), rill_access_deny() and rill_access_challenge(). Until then the connection waits,
 * others do not; after rill_engine_config.access_timeout_ms it is told to come again (503).
 */
typedef struct rill_access {
    /**
     * A number of rill_action.
     */
    int32_t action;
    /**
     * 0.
     */
    int32_t reserved_action;
    /**
     * Path of the stream, without a slash at either end.
     */
    const char *path;
    /**
     * What stands behind "?" in the URL; "" when nothing does.
     */
    const char *query;
    /**
     * Address of the client.
     */
    const char *peer;
    /**
     * Whom the client says it is; "" when it did not say.
     */
    const char *user;
    /**
     * What the client calls itself; "" when it did not say.
     */
    const char *user_agent;
    /**
     * The library's.
     */
    uint64_t owner;
    /**
     * 0.
     */
    uint64_t reserved[3];
} rill_access;

/**
 * Some bytes: the layout of `struct iovec`, so that an array of them can be handed to writev(2),
 * sendmsg(2) or io_uring after a cast.
 */
typedef struct rill_span {
    /**
     * The first byte.
     */
    const uint8_t *data;
    /**
     * Number of bytes.
     */
    size_t size;
} rill_span;

/**
 * A frame, or a run of packets, in the buffers in which it came in: borrowed, not copied.
 *
 * The bytes stay valid until rill_frame_release(), whatever becomes of the reader, the stream and the
 * engine. A frame that is held costs the stream the buffers it lies in: release it soon, copy what you
 * want to keep for long.
 *
 * Begin with zeroes (`rill_frame frame = {0};`) if it may be released before it was ever filled.
 */
typedef struct rill_frame {
    /**
     * Its bytes, in order. RILL_FORMAT_ANNEX_B and RILL_FORMAT_AVCC: H.264 start codes or lengths are
     * among them, and all spans one after the other are the access unit; other codecs' frames are
     * what their payload format carries (AAC: one access unit without ADTS header).
     * RILL_FORMAT_RTP: each span is one packet, RTP header first.
     */
    const struct rill_span *spans;
    /**
     * Number of spans.
     */
    size_t span_count;
    /**
     * Bytes of all spans together.
     */
    size_t size;
    /**
     * RTP timestamp in ticks of `clock_rate`, extended so that it does not wrap. With
     * RILL_FORMAT_RTP the timestamp of the first packet, not extended.
     */
    int64_t time;
    /**
     * When its last packet came in, in ns since the engine started.
     */
    uint64_t arrival_ns;
    /**
     * Ticks per second of `time`.
     */
    uint32_t clock_rate;
    /**
     * Index of its track.
     */
    uint32_t track;
    /**
     * RILL_FRAME_KEY and its like.
     */
    uint32_t flags;
    /**
     * Packets lost within it or right before it. With RILL_LAGGED: packets passed over.
     */
    uint32_t lost;
    /**
     * The library's.
     */
    uint64_t owner;
    /**
     * 0.
     */
    uint64_t reserved[3];
} rill_frame;

/**
 * How a reader reads. Fill it by rill_reader_config_init().
 */
typedef struct rill_reader_config {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * A number of rill_format.
     */
    int32_t format;
    /**
     * Where it begins: a number of rill_start. From a key frame, frames before the first one are held
     * back.
     */
    int32_t start;
    /**
     * Index of the only track to be read; all of them when negative.
     */
    int32_t track;
    /**
     * Frames that may be held at once, 1 to 4,096.
     */
    uint32_t max_frames;
    /**
     * How long rill_reader_new() waits for the stream to come, in ms: 0 does not wait. By default
     * 10,000.
     */
    uint32_t wait_ms;
    /**
     * 0.
     */
    uint32_t reserved;
} rill_reader_config;

/**
 * A track. Set `struct_size` by rill_track_init() before the call that fills it. Pointers stay valid
 * until the reader is freed.
 */
typedef struct rill_track {
    /**
     * Bytes of this struct, as the program was compiled.
     */
    size_t struct_size;
    /**
     * A number of rill_media.
     */
    int32_t media;
    /**
     * A number of rill_codec.
     */
    int32_t codec;
    /**
     * Ticks of an RTP timestamp in a second.
     */
    uint32_t clock_rate;
    /**
     * Channels of sound; 0 when unknown.
     */
    uint32_t channels;
    /**
     * RTP payload type.
     */
    uint32_t payload_type;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Name of the encoding as in `a=rtpmap`, such as "H264".
     */
    const char *encoding;
    /**
     * What a decoder has to know first, as the session description has it; NULL when it has not.
     * H.264: parameter sets with start codes, or an AVCDecoderConfigurationRecord with
     * RILL_FORMAT_AVCC. AAC: AudioSpecificConfig. That is what libavcodec calls extradata, but for
     * the padding.
     */
    const uint8_t *extra;
    /**
     * Bytes of `extra`.
     */
    size_t extra_size;
} rill_track;

/**
 * A track that the program encodes. Fill it by rill_encoded_track_init().
 */
typedef struct rill_encoded_track {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * RILL_CODEC_H264 or RILL_CODEC_AAC.
     */
    int32_t codec;
    /**
     * RTP payload type, 96 to 127; 0 takes 96 for the first track, 97 for the second ...
     */
    uint32_t payload_type;
    /**
     * What a decoder has to know first. H.264: parameter sets with start codes; may be NULL when they
     * come before every key frame. AAC: AudioSpecificConfig, which must be there.
     */
    const uint8_t *extra;
    /**
     * Bytes of `extra`.
     */
    size_t extra_size;
} rill_encoded_track;

/**
 * How a child is served. Fill it by rill_child_config_init().
 */
typedef struct rill_child_config {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * Where in the stream it begins: a number of rill_start.
     */
    int32_t start;
    /**
     * 1: it gets nothing before rill_child_resume().
     */
    int32_t paused;
    /**
     * How far its connection may lag behind before it is skipped to the newest key frame, in ms.
     */
    uint32_t max_lag_ms;
    /**
     * How long its connection may take nothing at all before it is cut off, in ms.
     */
    uint32_t cut_off_ms;
    /**
     * Bytes sent to it in one millisecond while it is a UDP child that has just come.
     */
    uint32_t burst_bytes;
    /**
     * Connections: 1 when the engine reads what the peer sends (to throw it away, and to notice when it
     * hangs up), 0 when the program does, from a duplicate of the descriptor.
     */
    int32_t reading;
} rill_child_config;

/**
 * Figures of a child, in packets of the stream from where it began. offered = sent + unwanted +
 * too_slow + refused + waiting, at all times. Begin with rill_child_figures_init().
 */
typedef struct rill_child_figures {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * Its number; 0 when it is a player that came by RTSP.
     */
    uint64_t child;
    /**
     * 1 for one that is reached by a connection, 0 for one that is sent datagrams.
     */
    int32_t tcp;
    /**
     * Whether it is playing: 0 when it is paused.
     */
    int32_t playing;
    /**
     * Packets of the stream since it began.
     */
    uint64_t offered;
    /**
     * Handed to the kernel for it.
     */
    uint64_t sent;
    /**
     * Of tracks that it did not ask for, or while it was paused.
     */
    uint64_t unwanted;
    /**
     * Skipped because it could not take them in time.
     */
    uint64_t too_slow;
    /**
     * Refused by the kernel: unreachable, or the send buffer was full.
     */
    uint64_t refused;
    /**
     * Not yet sent: what it lags behind.
     */
    uint64_t waiting;
} rill_child_figures;

/**
 * Figures of an engine. Begin with rill_engine_figures_init().
 */
typedef struct rill_engine_figures {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * Name of the I/O backend.
     */
    char backend[32];
    /**
     * Whether runs of packets go out by segmentation offload (GSO), or why not.
     */
    char gso[128];
    /**
     * RTSP connections open now.
     */
    uint64_t connections;
    /**
     * Streams, those that ended lately not included.
     */
    uint64_t streams;
    /**
     * Processor time that the engine has used so far, on all its threads, in ns.
     */
    uint64_t cpu_ns;
    /**
     * Why it is this backend, in words.
     */
    char backend_reason[256];
} rill_engine_figures;

/**
 * Figures of a stream, in packets (RTP and RTCP alike). received = published + consumed + all that is
 * dropped, at all times. Begin with rill_stream_figures_init().
 */
typedef struct rill_stream_figures {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * Its path, cut off when it is longer.
     */
    char path[256];
    /**
     * Where it comes from.
     */
    char from[256];
    /**
     * Packets that came in, those that the kernel dropped included.
     */
    uint64_t received;
    /**
     * Packets that were passed on.
     */
    uint64_t published;
    /**
     * RTCP packets that ended here as they should.
     */
    uint64_t consumed;
    /**
     * Packets dropped, by cause; rill_cause_name() names the causes.
     */
    uint64_t dropped[RILL_CAUSES];
    /**
     * Tracks.
     */
    uint64_t tracks;
    /**
     * Children now.
     */
    uint64_t children;
    /**
     * Packets that children had been sent when they left.
     */
    uint64_t sent_to_former_children;
    /**
     * Packets that children had lost when they left: too slow, or refused by the kernel.
     */
    uint64_t lost_by_former_children;
} rill_stream_figures;

/**
 * Figures of a track. Begin with rill_track_figures_init().
 */
typedef struct rill_track_figures {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * Name of the encoding, as in `a=rtpmap`.
     */
    char codec[32];
    /**
     * Ticks of an RTP timestamp in a second.
     */
    uint32_t clock_rate;
    /**
     * Synchronisation source; 0 before the first packet.
     */
    uint32_t ssrc;
    /**
     * RTP packets that were accepted.
     */
    uint64_t packets;
    /**
     * Their bytes, headers included.
     */
    uint64_t bytes;
    /**
     * Frames begun.
     */
    uint64_t frames;
    /**
     * Frames at which a decoder can begin.
     */
    uint64_t key_frames;
    /**
     * Sequence numbers that never came.
     */
    uint64_t lost;
    /**
     * Variation of the packets' spacing (RFC 3550 section A.8), in ns.
     */
    uint64_t jitter_ns;
} rill_track_figures;

/**
 * How often which duration was there, from 1 us to 16 s with an error of a quarter at most. It counts from
 * the beginning of the stream; for a time between, subtract the counts of the earlier one from those of the
 * later. Begin with rill_histogram_init().
 */
typedef struct rill_histogram {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * All durations together, in ns.
     */
    uint64_t sum_ns;
    /**
     * The longest one, in ns.
     */
    uint64_t longest_ns;
    /**
     * How many there are in each bucket; rill_histogram_bucket_end() tells which they are.
     */
    uint64_t counts[RILL_BUCKETS];
} rill_histogram;

/**
 * A measurement of fan-out. Fill it by rill_bench_config_init().
 */
typedef struct rill_bench_config {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * Receivers, 1 to 20,000: each takes a descriptor.
     */
    uint32_t children;
    /**
     * How they receive: RILL_TRANSPORT_UDP or RILL_TRANSPORT_TCP.
     */
    int32_t transport;
    /**
     * Bits of RTP payload a second, 10,000 to 100,000,000; the packets have 1,200 bytes of it, and a frame 1 to 54
     * packets.
     */
    uint32_t bitrate;
    /**
     * Frames a second, 1 to 240.
     */
    uint32_t fps;
    /**
     * How long it is measured, in ms: 100 to 3,600,000, and with no more than 100,000,000 frames at all receivers
     * together. The call takes about a second more.
     */
    uint32_t duration_ms;
    /**
     * Whether the receivers let the kernel join packets (GRO), which makes their half cheap: 0 or 1.
     */
    int32_t gro;
} rill_bench_config;

/**
 * What a measurement has found. Begin with rill_bench_result_init().
 */
typedef struct rill_bench_result {
    /**
     * Bytes of this struct, as the program was compiled; set by the init function.
     */
    size_t struct_size;
    /**
     * Packets that reached a receiver while it was measured.
     */
    uint64_t packets;
    /**
     * Packets that did not, from first to last. While it is not 0 the other figures mean little.
     */
    uint64_t lost;
    /**
     * Processor time of the engine in that time, in ns.
     */
    uint64_t cpu_ns;
    /**
     * The same for each packet. On loopback the kernel does the receiver's half of the work in the sender's call,
     * and so it is in here.
     */
    double cpu_ns_per_packet;
    /**
     * How long it was measured, in ns.
     */
    uint64_t elapsed_ns;
    /**
     * Half of all frames took no longer, from the source to the last packet at a receiver, in ns.
     */
    uint64_t latency_p50_ns;
    /**
     * All but one in a hundred took no longer, in ns.
     */
    uint64_t latency_p99_ns;
    /**
     * The longest, in ns.
     */
    uint64_t latency_max_ns;
} rill_bench_result;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a status, such as "RILL_OK"; "unknown status" for any other number. The text is static.
 *
 * Thread-safe.
 */
const char *rill_status_name(int32_t status);

/**
 * The text of the last error of the calling thread: a sentence in English that names the cause.
 * Never NULL; "" when there was none.
 *
 * It stays valid until the next call of this thread that fails. Only calls that return a negative
 * status change it.
 */
const char *rill_last_error(void);

/**
 * The version of the library in use, such as "0.1.0"; compare it with RILL_VERSION, that of the
 * header. The text is static. Thread-safe.
 */
const char *rill_version(void);

/**
 * The name of feature number `index`, or NULL when there are no more: "rtsp-server", "access-queue",
 * "rtsp-pull", "rtsp-push", "rtp-sockets", "rtp-source", "media-source", "children", "frame-reader",
 * "packet-reader", "standbys", "retransmission", "multicast", "bench". The text is static. Thread-safe.
 */
const char *rill_feature(size_t index);

/**
 * 1 when the library in use has the feature of this name, else 0. Thread-safe.
 *
 * @param name  a feature's name, see rill_feature()
 */
int32_t rill_has_feature(const char *name);

/**
 * Sends log lines up to `level` to a callback. There is one for the whole process; this takes the
 * place of the former one. When it returns, the former one is not running and will not be called any
 * more.
 *
 * Thread-safe, but not to be called from the callback.
 *
 * @param level     a number of rill_log_level
 * @param callback  what takes the lines; NULL turns logging off
 * @param user      handed to the callback as it is
 * @return RILL_OK; RILL_ERROR_ARGUMENT for a level that is none; RILL_ERROR_UNSUPPORTED when the
 *         library is linked into a Rust program that logs in a way of its own
 */
rill_status rill_log_set(int32_t level,
                         rill_log_callback callback,
                         void *user);

/**
 * Fills a configuration with the defaults of the library. Unlike `rillcast serve`, a stream then ends with its
 * source (`linger_ms` is 0), and everybody may play and publish (RILL_ACCESS_ALL). Thread-safe.
 *
 * @param config  where they go
 * @param size    sizeof(rill_engine_config), so that the library knows your version of it
 * @return RILL_OK, or RILL_ERROR_ARGUMENT
 */
rill_status rill_engine_config_init(struct rill_engine_config *config,
                                    size_t size);

/**
 * Makes an engine, which does nothing before rill_engine_start(). Thread-safe.
 *
 * @param config  its settings; NULL for the defaults
 * @param out     the engine; to be freed by rill_engine_free()
 * @return RILL_OK; RILL_ERROR_ARGUMENT for a setting that makes no sense; RILL_ERROR_UNSUPPORTED when
 *         the struct is of a later version and sets what this one does not know
 */
RILL_MUST_USE
rill_status rill_engine_new(const struct rill_engine_config *config,
                            struct rill_engine **out);

/**
 * Starts the engine's thread. Does nothing when it runs already; after rill_engine_stop() it begins
 * anew, without streams. Thread-safe.
 *
 * @return RILL_OK; RILL_ERROR_SYSTEM when the system gives no thread or descriptor
 */
RILL_MUST_USE rill_status rill_engine_start(struct rill_engine *engine);

/**
 * Ends every stream in order (peers are told), and returns when the engine's thread has ended and its
 * sockets are closed. Readers get what is left and then RILL_END; frames that are held stay valid. Does
 * nothing when it does not run. Thread-safe.
 *
 * @return RILL_OK
 */
rill_status rill_engine_stop(struct rill_engine *engine);

/**
 * Stops the engine and frees the handle. Readers, sources and frames made from it have to be freed all
 * the same, before or after. Thread-safe; calls of other threads that are under way come back.
 *
 * @param engine  the engine; NULL does nothing
 * @return RILL_OK; RILL_ERROR_HANDLE when it was freed before
 */
rill_status rill_engine_free(struct rill_engine *engine);

/**
 * Serves RTSP: players may play every stream, and publishers may publish to every path that has none.
 * May be called for several addresses. Thread-safe.
 *
 * @param address  IP address and port, such as "127.0.0.1:8554", "0.0.0.0:8554" or "[::]:8554"; port 0
 *                 takes a free one
 * @param port     the port in use; may be NULL
 * @return RILL_OK; RILL_ERROR_ARGUMENT for an address that is none; RILL_ERROR_SYSTEM when it cannot be
 *         bound
 */
RILL_MUST_USE
rill_status rill_engine_listen(struct rill_engine *engine,
                               const char *address,
                               uint16_t *port);

/**
 * Plays an RTSP URL and makes what comes the stream at `path`. Returns when the attempt has begun;
 * RILL_EVENT_STREAM_STARTED or RILL_EVENT_PULL_FAILED tells how it went; it is not tried again. The host's name is
 * looked up during the call. Thread-safe.
 *
 * @param path       the stream's path, such as "cam"
 * @param url        rtsp://HOST/PATH; user, password and port may be in it
 * @param transport  a number of rill_transport
 * @return RILL_OK; RILL_ERROR_URL; RILL_ERROR_PATH_TAKEN; RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_engine_pull(struct rill_engine *engine,
                             const char *path,
                             const char *url,
                             int32_t transport);

/**
 * As rill_engine_pull(), from a server for which others stand by: each has a connection with all set up, and
 * does not play. When the one that feeds the stream is gone or silent, one of them goes on from the last packet
 * that is here: players and readers lose nothing, get nothing twice and notice nothing
 * (RILL_EVENT_UPSTREAM_SWITCHED). Servers that were lost are tried again. When none is left the stream waits as
 * long as rill_engine_config.linger_ms says.
 *
 * A server stands by only if it has the very packets of the first: the same tracks from the same source (SSRC), as
 * relays of one stream do, and two cameras do not. RILL_EVENT_STANDBY_LOST tells of one that has not. Thread-safe.
 *
 * @param path       the stream's path
 * @param urls       where it can be had: first who is to feed it, then up to 7 who stand by
 * @param count      number of URLs, 1 to 8
 * @param transport  a number of rill_transport, for all of them
 * @return RILL_OK; RILL_ERROR_ARGUMENT; RILL_ERROR_URL; RILL_ERROR_PATH_TAKEN; RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_engine_pull_from(struct rill_engine *engine,
                                  const char *path,
                                  const char *const *urls,
                                  size_t count,
                                  int32_t transport);

/**
 * From now on a stream that is pulled comes from these servers. When the first of them is another than the one
 * that feeds it now, the stream goes over to it as soon as it plays, and only then leaves the present one: nothing
 * is lost. Until then, and when it does not come about, all stays as it is. Thread-safe.
 *
 * @param path       the stream's path
 * @param urls       as for rill_engine_pull_from()
 * @param count      as there
 * @param transport  as there
 * @return RILL_OK; RILL_ERROR_NO_STREAM when nothing is pulled at the path; RILL_ERROR_ARGUMENT; RILL_ERROR_URL;
 *         RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_engine_set_upstreams(struct rill_engine *engine,
                                      const char *path,
                                      const char *const *urls,
                                      size_t count,
                                      int32_t transport);

/**
 * Plays an RTSP URL while somebody wants the stream at `path`: from the first player's request for it on,
 * which waits until the stream is there, until it has had no player, push or child for `grace_ms`. Readers
 * of this program are not counted. A server that fails is not asked again at once; RILL_EVENT_PULL_FAILED
 * tells of it. Takes the place of one that the path had before; a stream that is there goes on. Thread-safe.
 *
 * @param path       the stream's path
 * @param url        rtsp://HOST/PATH; user, password and port may be in it. The host's name is looked up
 *                   when it is wanted
 * @param transport  a number of rill_transport
 * @param grace_ms   how long the stream stays without players, in ms
 * @return RILL_OK; RILL_ERROR_URL; RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_engine_pull_on_demand(struct rill_engine *engine,
                                       const char *path,
                                       const char *url,
                                       int32_t transport,
                                       uint32_t grace_ms);

/**
 * The path is no longer fetched on demand. A stream that is there stays until its source ends, or
 * rill_engine_end_stream() ends it. Thread-safe.
 *
 * @param path  the stream's path
 * @return RILL_OK; RILL_ERROR_STOPPED
 */
rill_status rill_engine_forget_on_demand(struct rill_engine *engine, const char *path);

/**
 * From now on the stream at `source` stands in at `path` while it has no source of its own: before the first
 * comes, and after it has gone. Players of `path` stay; a publisher, a source of this program or plain RTP takes
 * over at its next key frame. Both have to have the same tracks, coded alike, or the players are sent away. Thread-safe.
 *
 * @param path    the path that is to have a stream at all times
 * @param source  the path of the stream that stands in; NULL: none does any more
 * @return RILL_OK; RILL_ERROR_ARGUMENT when `path` would stand in for itself; RILL_ERROR_STOPPED
 */
rill_status rill_engine_set_fallback(struct rill_engine *engine,
                                     const char *path,
                                     const char *source);

/**
 * Publishes the stream at `path`, now or as soon as it comes, to an RTSP URL (RECORD). Returns when
 * this is noted; RILL_EVENT_PUSH_STARTED or RILL_EVENT_PUSH_ENDED tells how it went. Thread-safe.
 *
 * @param path       the stream's path
 * @param url        rtsp://HOST/PATH; user, password and port may be in it
 * @param transport  a number of rill_transport
 * @return RILL_OK; RILL_ERROR_URL; RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_engine_push(struct rill_engine *engine,
                             const char *path,
                             const char *url,
                             int32_t transport);

/**
 * Receives plain RTP at the ports that a session description names, and makes it the stream at `path`.
 * Thread-safe.
 *
 * @param path  the stream's path
 * @param sdp   the session description (SDP) of the sender
 * @return RILL_OK; RILL_ERROR_SDP; RILL_ERROR_PATH_TAKEN; RILL_ERROR_SYSTEM when a port cannot be bound
 */
RILL_MUST_USE
rill_status rill_engine_ingest_rtp(struct rill_engine *engine,
                                   const char *path,
                                   const char *sdp);

/**
 * Ends the stream at `path`, wherever it comes from: its players are told that it is over, its readers get
 * what is left and then RILL_END, and its publisher is sent away. A rill_source that fed it stays a handle to be
 * freed; what is pushed into it from then on is thrown away, with RILL_OK. RILL_EVENT_STREAM_ENDED tells of it, and
 * a new source may take the path at once: free the one before. Thread-safe.
 *
 * @param path  the stream's path
 * @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_STOPPED
 */
rill_status rill_engine_end_stream(struct rill_engine *engine,
                                   const char *path);

/**
 * Takes the next event, in the order in which they happened. The engine keeps 1,024. When nobody takes them the
 * newest are lost (an account, RILL_EVENT_STREAM_CLOSED, takes the place of another), and an event
 * RILL_EVENT_EVENTS_LOST says how many.
 *
 * For one thread at a time; which one may change.
 *
 * @param timeout_ms  how long to wait for one, in ms; 0 does not wait, a negative number waits for ever
 * @param out         the event; to be given back by rill_event_release()
 * @return RILL_OK; RILL_AGAIN when there was none; RILL_END when the engine has stopped and no event is
 *         left; RILL_ERROR_BUSY when another thread is waiting for one; RILL_ERROR_STOPPED before
 *         rill_engine_start()
 */
RILL_MUST_USE
rill_status rill_engine_next_event(struct rill_engine *engine,
                                   int64_t timeout_ms,
                                   struct rill_event *out);

/**
 * Gives an event back and zeroes the struct, so that a second release does nothing. Thread-safe.
 *
 * @return RILL_OK; RILL_ERROR_HANDLE when it was released before, by a copy of the struct
 */
rill_status rill_event_release(struct rill_event *event);

/**
 * A file descriptor that is readable while there may be events, for epoll, poll or any event loop:
 * when it is, call rill_engine_next_event() with no patience until it returns RILL_AGAIN. Do not read
 * or close it: it is the engine's, and closed when that is freed. Thread-safe.
 *
 * @param fd  the descriptor
 * @return RILL_OK; RILL_ERROR_SYSTEM when the process is out of descriptors
 */
rill_status rill_engine_event_fd(struct rill_engine *engine,
                                 int32_t *fd);

/**
 * Takes the next question of who may play or publish, of an engine whose configuration has `access` set
 * to RILL_ACCESS_ASK. Questions make the descriptor of rill_engine_event_fd() readable, as events do.
 * Thread-safe: several threads may answer.
 *
 * @param timeout_ms  how long to wait for one, in ms; 0 does not wait, a negative number waits for ever
 * @param out         the question, to be answered
 * @return RILL_OK; RILL_AGAIN when there was none; RILL_END when the engine has stopped;
 *         RILL_ERROR_STOPPED before rill_engine_start(); RILL_ERROR_UNSUPPORTED when the engine lets
 *         everyone in
 */
RILL_MUST_USE
rill_status rill_engine_next_access(struct rill_engine *engine,
                                    int64_t timeout_ms,
                                    struct rill_access *out);

/**
 * Whether the client has proved to know the password of the user that it says it is (Basic, or Digest
 * with MD5 or SHA-256: the password itself does not cross the network then). Takes as long for a wrong
 * one as for a right one. Thread-safe.
 *
 * @param access    an open question
 * @param realm     the realm of the challenge, the same as for rill_access_challenge()
 * @param password  the password of access->user, as the program has it
 * @param out       1 or 0
 * @return RILL_OK; RILL_ERROR_HANDLE when it was answered
 */
RILL_MUST_USE
rill_status rill_access_verify(const struct rill_access *access,
                               const char *realm,
                               const char *password,
                               int32_t *out);

/**
 * Lets the client in. The struct is zeroed; for one that is, nothing happens. Thread-safe.
 *
 * @return RILL_OK; RILL_ERROR_HANDLE when it was answered before, by a copy of the struct
 */
rill_status rill_access_allow(struct rill_access *access);

/**
 * Refuses the client, whoever it is (403). Otherwise as rill_access_allow().
 */
rill_status rill_access_deny(struct rill_access *access);

/**
 * Asks the client for credentials, or for other ones (401, Digest). Credentials that came count as a
 * wrong guess; who makes too many has to wait. Otherwise as rill_access_allow().
 *
 * @param realm  what the password is for; clients show it
 */
rill_status rill_access_challenge(struct rill_access *access,
                                  const char *realm);

/**
 * Gives a frame back and zeroes the struct, so that a second release does nothing. From any thread,
 * also after its reader or engine was freed.
 *
 * @return RILL_OK; RILL_ERROR_HANDLE when it was released before, by a copy of the struct
 */
rill_status rill_frame_release(struct rill_frame *frame);

/**
 * Makes a second reference to a frame: the bytes stay valid until both are released. It counts as one
 * more that is held. From any thread.
 *
 * @param frame  a frame that is held
 * @param out    the second reference; to be given back by rill_frame_release()
 * @return RILL_OK; RILL_ERROR_HANDLE when it was released; RILL_ERROR_FRAMES_HELD at the limit
 */
RILL_MUST_USE
rill_status rill_frame_ref(const struct rill_frame *frame,
                           struct rill_frame *out);

/**
 * Copies a frame's bytes, one span after the other, to where they are contiguous. From any thread.
 *
 * @param frame   a frame that is held
 * @param buffer  where they go
 * @param size    bytes of room; frame->size are needed
 * @return RILL_OK; RILL_ERROR_ARGUMENT when there is too little room; RILL_ERROR_HANDLE
 */
RILL_MUST_USE
rill_status rill_frame_copy(const struct rill_frame *frame,
                            uint8_t *buffer,
                            size_t size);

/**
 * Fills a reader's configuration with the defaults: all tracks, annex B, from the newest key frame on. Thread-safe.
 *
 * @param config  where they go
 * @param size    sizeof(rill_reader_config)
 * @return RILL_OK, or RILL_ERROR_ARGUMENT
 */
rill_status rill_reader_config_init(struct rill_reader_config *config,
                                    size_t size);

/**
 * Makes a reader of the stream at `path`; waits for the stream to come as long as `config` says.
 * Thread-safe.
 *
 * @param engine  a running engine
 * @param path    the stream's path
 * @param config  how to read; NULL for the defaults
 * @param out     the reader; to be freed by rill_reader_free()
 * @return RILL_OK; RILL_ERROR_NO_STREAM when it did not come in time (of a stream that is pulled,
 *         RILL_EVENT_PULL_FAILED tells why); RILL_ERROR_NO_TRACK;
 *         RILL_ERROR_TOO_MANY when the stream has no place for another reader; RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_reader_new(struct rill_engine *engine,
                            const char *path,
                            const struct rill_reader_config *config,
                            struct rill_reader **out);

/**
 * Frees a reader. Frames that were read from it stay valid until they are released. Thread-safe: a
 * thread that waits in rill_reader_next() comes back within 100 ms, with RILL_ERROR_HANDLE.
 *
 * @param reader  the reader; NULL does nothing
 * @return RILL_OK; RILL_ERROR_HANDLE when it was freed before
 */
rill_status rill_reader_free(struct rill_reader *reader);

/**
 * The next frame, or run of packets. For one thread at a time.
 *
 * RILL_LAGGED is no error: the reader goes on at the newest key frame, and so should the program, with a decoder that
 * was flushed. A frame that `out` held before is not given back: release it first.
 *
 * @param timeout_ms  how long to wait, in ms; 0 does not wait, a negative number waits for ever
 * @param out         the frame; to be given back by rill_frame_release(). Not written but with RILL_OK,
 *                    and with RILL_LAGGED, when `lost` is set and nothing has to be given back
 * @return RILL_OK; RILL_AGAIN when nothing came in time; RILL_LAGGED; RILL_END;
 *         RILL_ERROR_FRAMES_HELD; RILL_ERROR_BUSY
 */
RILL_MUST_USE
rill_status rill_reader_next(struct rill_reader *reader,
                             int64_t timeout_ms,
                             struct rill_frame *out);

/**
 * A file descriptor that is readable while rill_reader_next() may have something, for epoll, poll or
 * any event loop: when it is, call that with no patience until it returns RILL_AGAIN. It stays readable
 * after the end. Do not read or close it: it is the reader's, and closed when that is freed. For one
 * thread at a time.
 *
 * @param fd  the descriptor
 * @return RILL_OK; RILL_ERROR_SYSTEM when the process is out of descriptors; RILL_ERROR_BUSY
 */
rill_status rill_reader_fd(struct rill_reader *reader,
                           int32_t *fd);

/**
 * Number of tracks of the stream. Thread-safe.
 */
rill_status rill_reader_track_count(const struct rill_reader *reader, size_t *out);

/**
 * What a track is, as the session description has it when the reader is made. Thread-safe.
 *
 * @param track  its index, from 0
 * @param out    what it is; begin with rill_track_init()
 * @return RILL_OK; RILL_ERROR_NO_TRACK
 */
rill_status rill_reader_track(const struct rill_reader *reader,
                              size_t track,
                              struct rill_track *out);

/**
 * Zeroes a track's struct and sets its size. Thread-safe.
 *
 * @param track  the struct
 * @param size   sizeof(rill_track)
 * @return RILL_OK, or RILL_ERROR_ARGUMENT
 */
rill_status rill_track_init(struct rill_track *track, size_t size);

/**
 * The stream's session description (SDP), as it was when the reader was made. The text is valid until
 * the reader is freed. Thread-safe.
 */
rill_status rill_reader_sdp(const struct rill_reader *reader,
                            const char **out);

/**
 * A moment on a track's own clock and on the wall clock of its source, by the newest sender report
 * (RFC 3550 section 6.4.1). It is what keeps sound and picture together: each track counts time from
 * an origin of its own. For one thread at a time.
 *
 * @param track  its index
 * @param time   as rill_frame.time
 * @param ntp    the same moment as an NTP time: seconds since 1900, 32.32 bits
 * @return RILL_OK; RILL_AGAIN while no report or no frame has come; RILL_ERROR_NO_TRACK;
 *         RILL_ERROR_UNSUPPORTED with RILL_FORMAT_RTP, where the reports are among the packets
 */
rill_status rill_reader_clock(struct rill_reader *reader,
                              size_t track,
                              int64_t *time,
                              uint64_t *ntp);

/**
 * Zeroes a track and sets its size. Thread-safe.
 *
 * @param track  the struct
 * @param size   sizeof(rill_encoded_track)
 * @return RILL_OK, or RILL_ERROR_ARGUMENT
 */
rill_status rill_encoded_track_init(struct rill_encoded_track *track, size_t size);

/**
 * A stream at `path` made of RTP packets that the program has: from sockets of its own, say.
 * Thread-safe.
 *
 * @param engine  a running engine
 * @param path    the stream's path
 * @param sdp     the session description (SDP) of what will be pushed
 * @param out     the source; to be freed by rill_source_free(), which ends the stream
 * @return RILL_OK; RILL_ERROR_SDP; RILL_ERROR_PATH_TAKEN; RILL_ERROR_TOO_MANY when the engine has
 *         `max_streams` streams, or as many sources that were not freed; RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_source_new_rtp(struct rill_engine *engine,
                                const char *path,
                                const char *sdp,
                                struct rill_source **out);

/**
 * A stream at `path` made of H.264 access units and AAC frames that the program has encoded.
 * Thread-safe.
 *
 * @param engine  a running engine
 * @param path    the stream's path
 * @param tracks  its tracks, all initialised alike
 * @param count   number of tracks, 1 to 16
 * @param out     the source; to be freed by rill_source_free(), which ends the stream
 * @return RILL_OK; RILL_ERROR_ARGUMENT; RILL_ERROR_PATH_TAKEN; RILL_ERROR_TOO_MANY, as
 *         rill_source_new_rtp(); RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_source_new_media(struct rill_engine *engine,
                                  const char *path,
                                  const struct rill_encoded_track *tracks,
                                  size_t count,
                                  struct rill_source **out);

/**
 * Pushes one packet: RTP, or RTCP, told apart by their second byte (RFC 5761). It is copied, and sent
 * on at once. What is not RTP by its header is counted as dropped. Waits when the engine is more than a
 * thousand calls behind. For one thread at a time.
 *
 * Several packets that came together are cheaper by rill_source_push_rtp_batch().
 *
 * @param track  index of its track
 * @param data   the packet, header first
 * @param size   its bytes, at most 65,535
 * @return RILL_OK; RILL_ERROR_NO_TRACK; RILL_ERROR_NO_STREAM when its stream was ended (free the source);
 *         RILL_ERROR_NO_BUFFER when packets found no buffer; RILL_ERROR_STOPPED; RILL_ERROR_BUSY;
 *         RILL_ERROR_UNSUPPORTED when the source takes media
 */
rill_status rill_source_push_rtp(struct rill_source *source,
                                 size_t track,
                                 const uint8_t *data,
                                 size_t size);

/**
 * Pushes packets of one track, as rill_source_push_rtp() does it for one. When one of them is refused,
 * those before it were taken. For one thread at a time.
 *
 * @param track    index of their track
 * @param packets  an array of spans, one packet each: the layout of `struct iovec`
 * @param count    number of packets
 * @return as rill_source_push_rtp()
 */
rill_status rill_source_push_rtp_batch(struct rill_source *source,
                                       size_t track,
                                       const struct rill_span *packets,
                                       size_t count);

/**
 * Pushes one frame: a whole H.264 access unit with start codes (annex B), or one AAC access unit
 * without ADTS header. It is packetised and sent on at once. Bytes before the first start code are passed over.
 * (Units with their lengths in front, as in MP4, are refused where they can be told; a length of 256 to 511 looks
 * like a start code.)
 * For one thread at a time.
 *
 * @param track    index of its track
 * @param data     the frame
 * @param size     its bytes
 * @param time_ns  when it is to be shown, in ns on a clock that all tracks share; the first one's need
 *                 not be 0. H.264 access units come in decoding order
 * @return RILL_OK; RILL_ERROR_ARGUMENT for H.264 without a start code; RILL_ERROR_NO_TRACK;
 *         RILL_ERROR_NO_STREAM when its stream was ended (free the source); RILL_ERROR_NO_BUFFER when a
 *         part of it found no buffer (make the next H.264 frame a key frame); RILL_ERROR_STOPPED;
 *         RILL_ERROR_BUSY; RILL_ERROR_UNSUPPORTED when the source takes RTP
 */
rill_status rill_source_push_frame(struct rill_source *source,
                                   size_t track,
                                   const uint8_t *data,
                                   size_t size,
                                   uint64_t time_ns);

/**
 * Frees a source; its stream ends. Thread-safe.
 *
 * @param source  the source; NULL does nothing
 * @return RILL_OK; RILL_ERROR_HANDLE when it was freed before
 */
rill_status rill_source_free(struct rill_source *source);

/**
 * Whether a player has asked for a key frame of a track (RTCP PLI or FIR, at most twice a second) since this
 * was asked last: an encoder makes one then. For one thread at a time.
 *
 * @param track   its index, from 0
 * @param wanted  1 or 0; 0 also for a track that there is not
 * @return RILL_OK; RILL_ERROR_BUSY
 */
rill_status rill_source_key_frame_wanted(struct rill_source *source,
                                         size_t track,
                                         int32_t *wanted);

/**
 * Fills a child's configuration with the defaults. Thread-safe.
 *
 * @param config  where they go
 * @param size    sizeof(rill_child_config)
 * @return RILL_OK, or RILL_ERROR_ARGUMENT
 */
rill_status rill_child_config_init(struct rill_child_config *config, size_t size);

/**
 * Sends the stream at `path` to a UDP address. It is served in the same batches as all other children.
 * Thread-safe.
 *
 * @param engine  a running engine
 * @param path    the stream's path
 * @param config  how to serve it; NULL for the defaults
 * @param rtp     for each track "IP:PORT" or "[IPv6]:PORT" for RTP, or NULL when it is not wanted
 * @param rtcp    for each track the address for RTCP; NULL, or an element that is NULL, for the port
 *                above that of RTP
 * @param tracks  number of elements of `rtp`, and of `rtcp` when that is not NULL
 * @param child   the number of the child, never 0 and never used again in this engine
 * @return RILL_OK; RILL_ERROR_ARGUMENT for an address that is none; RILL_ERROR_NO_STREAM;
 *         RILL_ERROR_SDP when it wants no track; RILL_ERROR_TOO_MANY; RILL_ERROR_SYSTEM;
 *         RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_child_add_udp(struct rill_engine *engine,
                               const char *path,
                               const struct rill_child_config *config,
                               const char *const *rtp,
                               const char *const *rtcp,
                               size_t tracks,
                               uint64_t *child);

/**
 * Sends the stream at `path`, interleaved (RFC 2326 section 10.12), into a connected TCP or Unix stream
 * socket. On success the descriptor is the library's, which makes it close-on-exec and closes it with
 * the child; on failure it stays yours. Thread-safe.
 *
 * @param engine    a running engine
 * @param path      the stream's path
 * @param config    how to serve it; NULL for the defaults
 * @param fd        the socket
 * @param channels  for each track its channels for RTP and RTCP one after the other, or two times 255
 *                  when it is not wanted; NULL for 0 and 1, 2 and 3 ...
 * @param tracks    number of tracks; `channels` has twice as many elements
 * @param child     the number of the child, never 0 and never used again in this engine
 * @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_SDP when it wants no track; RILL_ERROR_SYSTEM when it
 *         is no connected stream socket; RILL_ERROR_TOO_MANY; RILL_ERROR_STOPPED
 */
RILL_MUST_USE
rill_status rill_child_add_fd(struct rill_engine *engine,
                              const char *path,
                              const struct rill_child_config *config,
                              int32_t fd,
                              const uint8_t *channels,
                              size_t tracks,
                              uint64_t *child);

/**
 * Stops sending to a child, until it is resumed. Thread-safe.
 *
 * @return RILL_OK; RILL_ERROR_NO_CHILD; RILL_ERROR_STOPPED
 */
rill_status rill_child_pause(struct rill_engine *engine, uint64_t child);

/**
 * Sends to a paused child again. Does nothing to one that plays. Thread-safe.
 *
 * @param start  where it goes on: a number of rill_start
 * @return RILL_OK; RILL_ERROR_NO_CHILD; RILL_ERROR_STOPPED
 */
rill_status rill_child_resume(struct rill_engine *engine, uint64_t child, int32_t start);

/**
 * Writes bytes between two packets into a child's connection: the answer to an RTSP request that the
 * program has read from a duplicate of its descriptor, say. They are copied. Thread-safe.
 *
 * @param data  the bytes
 * @param size  how many, at most 65,536
 * @return RILL_OK; RILL_ERROR_NO_CHILD when there is none, or it has no connection; RILL_ERROR_STOPPED
 */
rill_status rill_child_write(struct rill_engine *engine,
                             uint64_t child,
                             const uint8_t *data,
                             size_t size);

/**
 * Removes a child; its connection is shut down and closed. No event tells it. Thread-safe.
 *
 * @return RILL_OK; RILL_ERROR_NO_CHILD when it was removed, or left, before; RILL_ERROR_STOPPED
 */
rill_status rill_child_remove(struct rill_engine *engine, uint64_t child);

/**
 * Figures of all children of the stream at `path`, players that came by RTSP among them. Thread-safe.
 *
 * @param out       an array, all of whose elements were initialised alike; may be NULL when `capacity`
 *                  is 0
 * @param capacity  elements that it has room for
 * @param count     how many children there are, which may be more
 * @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_STOPPED
 */
rill_status rill_child_list(struct rill_engine *engine,
                            const char *path,
                            struct rill_child_figures *out,
                            size_t capacity,
                            size_t *count);

/**
 * Figures of one child. Thread-safe.
 *
 * @param child  its number
 * @return RILL_OK; RILL_ERROR_NO_CHILD; RILL_ERROR_STOPPED
 */
rill_status rill_child_get_figures(struct rill_engine *engine,
                                   uint64_t child,
                                   struct rill_child_figures *out);

/**
 * Zeroes figures and sets their size. `size`: sizeof(rill_engine_figures). Thread-safe.
 */
rill_status rill_engine_figures_init(struct rill_engine_figures *figures, size_t size);

/**
 * Zeroes figures and sets their size. `size`: sizeof(rill_stream_figures). Thread-safe.
 */
rill_status rill_stream_figures_init(struct rill_stream_figures *figures, size_t size);

/**
 * Zeroes figures and sets their size. `size`: sizeof(rill_track_figures). Thread-safe.
 */
rill_status rill_track_figures_init(struct rill_track_figures *figures, size_t size);

/**
 * Zeroes figures and sets their size. `size`: sizeof(rill_child_figures). Thread-safe.
 */
rill_status rill_child_figures_init(struct rill_child_figures *figures, size_t size);

/**
 * Figures of the engine. Thread-safe.
 *
 * @return RILL_OK; RILL_ERROR_STOPPED
 */
rill_status rill_engine_get_figures(struct rill_engine *engine, struct rill_engine_figures *out);

/**
 * Figures of all streams, those among them that have ended and whose players are about to leave. Thread-safe.
 *
 * @param out       an array, all of whose elements were initialised alike; may be NULL when `capacity`
 *                  is 0
 * @param capacity  elements that it has room for
 * @param count     how many streams there are, which may be more
 * @return RILL_OK; RILL_ERROR_STOPPED
 */
rill_status rill_stream_list(struct rill_engine *engine,
                             struct rill_stream_figures *out,
                             size_t capacity,
                             size_t *count);

/**
 * Figures of the stream at `path`. Thread-safe.
 *
 * @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_STOPPED
 */
rill_status rill_stream_get_figures(struct rill_engine *engine,
                                    const char *path,
                                    struct rill_stream_figures *out);

/**
 * Figures of a track of the stream at `path`. Thread-safe.
 *
 * @param track  its index, from 0
 * @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_NO_TRACK; RILL_ERROR_STOPPED
 */
rill_status rill_track_get_figures(struct rill_engine *engine,
                                   const char *path,
                                   size_t track,
                                   struct rill_track_figures *out);

/**
 * The name of a cause by which packets are dropped, such as "kernel_buffer", or NULL when there is none
 * of this number: rill_stream_figures.dropped has them in the same order. The text is static.
 * Thread-safe.
 */
const char *rill_cause_name(size_t cause);

/**
 * Zeroes a histogram and sets its size. Thread-safe.
 *
 * @param histogram  the struct
 * @param size       sizeof(rill_histogram)
 * @return RILL_OK, or RILL_ERROR_ARGUMENT
 */
rill_status rill_histogram_init(struct rill_histogram *histogram, size_t size);

/**
 * How long packets of the stream at `path` stayed in the engine: one sample per batch, from the arrival of
 * its oldest packet until the batch was handed to the kernel for the last live child. What comes while there
 * is no child is not counted. Thread-safe.
 *
 * @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_STOPPED
 */
rill_status rill_stream_get_latency(struct rill_engine *engine,
                                    const char *path,
                                    struct rill_histogram *out);

/**
 * A duration that a part of all durations did not exceed; at most a quarter too long. 0 when there are
 * none. Thread-safe.
 *
 * @param part  0 to 1: 0.5 is the half, 0.99 all but one in a hundred
 * @param ns    the duration in ns
 * @return RILL_OK; RILL_ERROR_ARGUMENT
 */
rill_status rill_histogram_quantile(const struct rill_histogram *histogram,
                                    double part,
                                    uint64_t *ns);

/**
 * Where a bucket ends, in ns: what it counts is shorter, and not shorter than the end of the bucket before.
 * 0 for the last one, which has no end. Thread-safe.
 */
uint64_t rill_histogram_bucket_end(size_t bucket);

/**
 * Fills a measurement's configuration with the defaults: 200 receivers by UDP of 2 Mbit/s, 3 s. Thread-safe.
 *
 * @param config  where they go
 * @param size    sizeof(rill_bench_config)
 * @return RILL_OK, or RILL_ERROR_ARGUMENT
 */
rill_status rill_bench_config_init(struct rill_bench_config *config,
                                   size_t size);

/**
 * Zeroes a result and sets its size. `size`: sizeof(rill_bench_result). Thread-safe.
 */
rill_status rill_bench_result_init(struct rill_bench_result *result, size_t size);

/**
 * Measures what it costs to send one stream to many receivers: what `rillcast bench fanout` does, within this
 * process. An engine of its own relays a stream over loopback; source and receivers are threads of this process,
 * whose processor time does not count. Where there are two processors, an engine without workers has one of them. Returns when it is
 * done; what else the machine does meanwhile is in the figures. Thread-safe.
 *
 * @param config  what is sent to how many; NULL for the defaults
 * @param engine  settings of the engine; NULL for the defaults
 * @param out     what was found; begin with rill_bench_result_init()
 * @return RILL_OK; RILL_ERROR_ARGUMENT; RILL_ERROR_SYSTEM when the system refuses sockets: too few descriptors
 *         (`ulimit -n`), say
 */
RILL_MUST_USE
rill_status rill_bench_fanout(const struct rill_bench_config *config,
                              const struct rill_engine_config *engine,
                              struct rill_bench_result *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RILLCAST_H */
