
/**
 * @file rillcast.h
 * @brief The C API of the Rillcast relay engine, version @VERSION@.
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
#define RILL_VERSION "@VERSION@"
/** First number of the version. */
#define RILL_VERSION_MAJOR @MAJOR@
/** Second number of the version. */
#define RILL_VERSION_MINOR @MINOR@
/** Third number of the version. */
#define RILL_VERSION_PATCH @PATCH@

/** Has the compiler warn when the status of a call is ignored without which nothing works. */
#if defined(__cplusplus) && __cplusplus >= 201703L
#define RILL_MUST_USE [[nodiscard]]
#elif defined(__GNUC__)
#define RILL_MUST_USE __attribute__((warn_unused_result))
#else
#define RILL_MUST_USE
#endif
