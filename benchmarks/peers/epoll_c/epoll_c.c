// SPDX-License-Identifier: MIT
//
// The floor by readiness: one thread, epoll(7) edge-triggered, one recv and one send a request, nothing else.
// No limits, no deadlines, no logging.
#define _GNU_SOURCE
#include "../frames.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { buffer_size = 512 * 1024, events_a_turn = 512, files_max = 1 << 16 };

// What one connection could not finish: the beginning of a message, or a reply the kernel had no room for.
struct connection {
    char* carry;
    size_t carry_size;
    char* out;
    size_t out_size;
    size_t out_sent;
};

static struct settings settings;
static char buffer[buffer_size];
static struct connection connections[files_max];
static int poller;

static void end(int fd) {
    struct connection* const c = &connections[fd];
    free(c->carry);
    free(c->out);
    memset(c, 0, sizeof *c);
    close(fd);
}

// 1 when all is sent, 0 when the rest has to wait, -1 when the connection is gone.
static int send_all(int fd, const char* data, size_t size) {
    struct connection* const c = &connections[fd];
    size_t sent = 0;
    while (sent < size) {
        const ssize_t n = send(fd, data + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            c->out_size = size - sent;
            c->out_sent = 0;
            c->out = malloc(c->out_size);
            memcpy(c->out, data + sent, c->out_size);
            return 0;
        }
        if (n < 0) return -1;
        sent += (size_t)n;
    }
    return 1;
}

static int send_rest(int fd) {
    struct connection* const c = &connections[fd];
    while (c->out_sent < c->out_size) {
        const ssize_t n = send(fd, c->out + c->out_sent, c->out_size - c->out_sent, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        c->out_sent += (size_t)n;
    }
    free(c->out);
    c->out = NULL;
    c->out_size = 0;
    return 1;
}

static void keep(struct connection* c, const char* data, size_t size) {
    c->carry = realloc(c->carry, size == 0 ? 1 : size);
    memcpy(c->carry, data, size);
    c->carry_size = size;
}

static void serve(int fd, uint32_t events) {
    struct connection* const c = &connections[fd];
    if (c->out != NULL) {
        const int sent = send_rest(fd);
        if (sent < 0) return end(fd);
        if (sent == 0) return;
    }
    for (;;) {
        if (c->carry_size > 0) memcpy(buffer, c->carry, c->carry_size);
        const size_t room = buffer_size - c->carry_size;
        const ssize_t n = recv(fd, buffer + c->carry_size, room, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return end(fd);
        const size_t size = c->carry_size + (size_t)n;
        const size_t whole = upper_messages(settings.framing, buffer, size);
        if (c->carry_size > 0 || whole < size) keep(c, buffer + whole, size - whole);
        if (whole > 0) {
            const int sent = send_all(fd, buffer, whole);
            if (sent < 0) return end(fd);
            if (sent == 0) return;
        }
        // Fewer bytes than there was room for: nothing more is there, but for the end of the stream.
        if ((size_t)n < room && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return;
    }
}

static void accept_all(int listener) {
    for (;;) {
        const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event interest = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
        require(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &interest) == 0, "epoll_ctl");
    }
}

int main(int argc, char** argv) {
    settings = read_settings(argc, argv);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)settings.port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    require(bind(listener, (const struct sockaddr*)&where, sizeof where) == 0, "bind");
    require(listen(listener, 4096) == 0, "listen");
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = listener};
    require(epoll_ctl(poller, EPOLL_CTL_ADD, listener, &interest) == 0, "epoll_ctl");
    for (;;) {
        struct epoll_event events[events_a_turn];
        const int count = epoll_wait(poller, events, events_a_turn, -1);
        for (int i = 0; i < count; ++i) {
            if (events[i].data.fd == listener) {
                accept_all(listener);
            } else {
                serve(events[i].data.fd, events[i].events);
            }
        }
    }
}
