// SPDX-License-Identifier: MIT
//
// libuv: its event loop, one read callback, uv_try_write first and uv_write for what is left. It has no codecs: the
// framing is written by hand in the read callback, as its users do.
#include "../frames.h"

#include <uv.h>

enum { buffer_size = 64 * 1024 };

struct connection {
    uv_tcp_t handle;
    char* carry;
    size_t carry_size;
};

struct rest {
    uv_write_t request;
    char data[];
};

static struct settings settings;
static char buffer[buffer_size];

static void on_close(uv_handle_t* handle) {
    struct connection* const c = (struct connection*)handle;
    free(c->carry);
    free(c);
}

static void end(struct connection* c) {
    if (!uv_is_closing((uv_handle_t*)c)) uv_close((uv_handle_t*)c, on_close);
}

static void on_alloc(uv_handle_t* handle, size_t suggested, uv_buf_t* into) {
    (void)handle;
    (void)suggested;
    *into = uv_buf_init(buffer, buffer_size);
}

static void on_written(uv_write_t* request, int status) {
    if (status < 0) end((struct connection*)request->handle);
    free(request);
}

static void write_all(struct connection* c, const char* data, size_t size) {
    uv_buf_t whole = uv_buf_init((char*)data, (unsigned)size);
    const int sent = uv_try_write((uv_stream_t*)c, &whole, 1);
    if (sent < 0 && sent != UV_EAGAIN) return end(c);
    const size_t done = sent < 0 ? 0 : (size_t)sent;
    if (done == size) return;
    struct rest* const rest = malloc(sizeof *rest + size - done);
    memcpy(rest->data, data + done, size - done);
    uv_buf_t left = uv_buf_init(rest->data, (unsigned)(size - done));
    uv_write(&rest->request, (uv_stream_t*)c, &left, 1, on_written);
}

static void keep(struct connection* c, const char* data, size_t size) {
    c->carry = realloc(c->carry, c->carry_size + size);
    memcpy(c->carry + c->carry_size, data, size);
    c->carry_size += size;
}

static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* from) {
    struct connection* const c = (struct connection*)stream;
    if (count < 0) return end(c);
    if (c->carry_size == 0) {
        const size_t whole = upper_messages(settings.framing, from->base, (size_t)count);
        if (whole > 0) write_all(c, from->base, whole);
        if (whole < (size_t)count) keep(c, from->base + whole, (size_t)count - whole);
        return;
    }
    keep(c, from->base, (size_t)count);
    const size_t whole = upper_messages(settings.framing, c->carry, c->carry_size);
    if (whole == 0) return;
    write_all(c, c->carry, whole);
    c->carry_size -= whole;
    memmove(c->carry, c->carry + whole, c->carry_size);
}

static void on_connection(uv_stream_t* listener, int status) {
    if (status < 0) return;
    struct connection* const c = calloc(1, sizeof *c);
    uv_tcp_init(listener->loop, &c->handle);
    if (uv_accept(listener, (uv_stream_t*)c) != 0) return end(c);
    uv_tcp_nodelay(&c->handle, 1);
    uv_read_start((uv_stream_t*)c, on_alloc, on_read);
}

int main(int argc, char** argv) {
    settings = read_settings(argc, argv);
    uv_loop_t* const loop = uv_default_loop();
    uv_tcp_t listener;
    uv_tcp_init(loop, &listener);
    struct sockaddr_in where;
    uv_ip4_addr("0.0.0.0", settings.port, &where);
    require(uv_tcp_bind(&listener, (const struct sockaddr*)&where, 0) == 0, "bind");
    require(uv_listen((uv_stream_t*)&listener, 4096, on_connection) == 0, "listen");
    return uv_run(loop, UV_RUN_DEFAULT);
}
