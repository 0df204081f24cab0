// SPDX-License-Identifier: MIT
//
// No peer, but what two load generators are compared on: answers whatever comes with one fixed HTTP response, so that
// wrk, which speaks HTTP alone, and `aperto bench`, which can count replies without knowing them, load the same server.
#define _GNU_SOURCE
#include "../frames.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nTEXTO ORIGINAL";

static void watch(int poller, int fd) {
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};
    require(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &interest) == 0, "epoll_ctl");
}

int main(int argc, char** argv) {
    const struct settings settings = read_settings(argc, argv);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)settings.port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    require(bind(listener, (const struct sockaddr*)&where, sizeof where) == 0, "bind");
    require(listen(listener, 4096) == 0, "listen");
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    watch(poller, listener);
    for (;;) {
        struct epoll_event events[256];
        const int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[i].data.fd;
            char request[4096];
            if (fd == listener) {
                watch(poller, accept(listener, NULL, NULL));
            } else if (recv(fd, request, sizeof request, 0) <= 0 ||
                       send(fd, response, sizeof response - 1, MSG_NOSIGNAL) < 0) {
                close(fd);
            }
        }
    }
}
