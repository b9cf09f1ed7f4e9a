/* Feeds a GStreamer pipeline with the video of an RTSP stream.
 *
 * 1. pulls the stream and reads access units, from a key frame on;
 * 2. wraps each into buffers for an `appsrc`, without a copy: the buffers' memory is the engine's, and the
 *    frame goes back to it when the pipeline has freed the last of them;
 * 3. the rest of the pipeline is yours; put a parser first, since a long access unit comes in several
 *    buffers (GStreamer would copy it to make it one).
 *
 *     cc gst_source.c $(pkg-config --cflags --libs rillcast gstreamer-app-1.0) -o gst_source
 *     ./gst_source rtsp://127.0.0.1:8554/live "h264parse ! avdec_h264 ! autovideosink" [FRAMES] */
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <rillcast.h>
#include <stdlib.h>

/* A frame that the pipeline has, and how many of its memories are still in use. */
typedef struct {
    rill_frame frame;
    gint in_use;
} Lent;

/* Called by GStreamer when a memory is freed, on any of its threads. */
static void give_back(gpointer data) {
    Lent *lent = data;
    if (!g_atomic_int_dec_and_test(&lent->in_use)) return;
    rill_frame_release(&lent->frame);
    g_free(lent);
}

/* The frame as buffers of as many memories as one can have. Takes the frame over. */
static GstBufferList *wrap(rill_frame *frame, GstClockTime pts) {
    GstBufferList *list = gst_buffer_list_new();
    GstBuffer *buffer = NULL;
    Lent *lent = g_new(Lent, 1);
    lent->frame = *frame;
    lent->in_use = (gint)frame->span_count;
    for (size_t i = 0; i < frame->span_count; i++) {
        const rill_span *span = &frame->spans[i];
        if (buffer == NULL || gst_buffer_n_memory(buffer) == gst_buffer_get_max_memory()) {
            buffer = gst_buffer_new();
            gst_buffer_list_add(list, buffer);
        }
        gst_buffer_append_memory(
            buffer, gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY, (gpointer)span->data, span->size,
                                           0, span->size, lent, give_back));
    }
    GST_BUFFER_PTS(gst_buffer_list_get(list, 0)) = pts;
    return list;
}

int main(int argc, char **argv) {
    rill_engine *engine = NULL;
    rill_reader *reader = NULL;
    rill_reader_config config;
    rill_frame frame;
    rill_status status = RILL_OK;
    gst_init(&argc, &argv);
    if (argc < 3) {
        g_printerr("usage: %s rtsp://HOST/PATH PIPELINE [FRAMES]\n", argv[0]);
        return 2;
    }
    gchar *text = g_strdup_printf("appsrc name=source format=time is-live=true block=true "
                                  "caps=video/x-h264,stream-format=byte-stream ! %s", argv[2]);
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launch(text, &error);
    if (error != NULL) {
        g_printerr("gst_source: %s\n", error->message);
        return 1;
    }
    GstAppSrc *source = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(pipeline), "source"));
    gst_element_set_state(pipeline, GST_STATE_PLAYING);

    long left = argc > 3 ? atol(argv[3]) : -1;
    rill_reader_config_init(&config, sizeof config);
    config.track = 0;
    config.max_frames = 512; /* what the pipeline may hold before the reader has to wait */
    if (rill_engine_new(NULL, &engine) || rill_engine_start(engine) ||
        rill_engine_pull(engine, "in", argv[1], RILL_TRANSPORT_TCP) ||
        rill_reader_new(engine, "in", &config, &reader)) {
        g_printerr("gst_source: %s: %s\n", argv[1], rill_last_error());
        return 1;
    }
    gint64 first = G_MININT64;
    GstFlowReturn flow = GST_FLOW_OK;
    while (flow == GST_FLOW_OK && left != 0) {
        status = rill_reader_next(reader, 10000, &frame);
        if (status == RILL_LAGGED) continue; /* decoders see the hole by themselves */
        if (status != RILL_OK) break;
        if (first == G_MININT64) first = frame.time;
        gint64 ticks = frame.time > first ? frame.time - first : 0;
        flow = gst_app_src_push_buffer_list(
            source, wrap(&frame, gst_util_uint64_scale((guint64)ticks, GST_SECOND, frame.clock_rate)));
        if (left > 0) left--;
    }
    if (status < 0) g_printerr("gst_source: %s\n", rill_last_error());
    gst_app_src_end_of_stream(source);
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *end = gst_bus_timed_pop_filtered(bus, 10 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    int failed = status < 0 || end == NULL || GST_MESSAGE_TYPE(end) == GST_MESSAGE_ERROR;
    gst_clear_message(&end);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(source);
    gst_object_unref(pipeline);
    rill_reader_free(reader);
    rill_engine_free(engine);
    g_free(text);
    return failed;
}
