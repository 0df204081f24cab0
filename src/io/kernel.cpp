// SPDX-License-Identifier: MIT
#include "io/kernel.hpp"

#include "io/socket_calls.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace aperto::io {
namespace {

/// 0 or more, or the negative errno.
template <class Result>
Result outcome(Result result) noexcept {
    return result < 0 ? -errno : result;
}

class machine_kernel final : public kernel {
public:
    std::string release() const override { return kernel_release(); }

    int listen(const endpoint& where, const listen_options& options) override {
        return open_listener(where, options);
    }
    void adopt(int socket, bool listening) override { adopt_socket(socket, listening); }
    int open(const endpoint& to, const connect_options& options) noexcept override {
        return open_client(to, options);
    }
    int connect(int socket, const endpoint& to) noexcept override {
        sockaddr_storage address{};
        const socklen_t length = to.to_sockaddr(address);
        return outcome(::connect(socket, reinterpret_cast<const sockaddr*>(&address), length));
    }
    int take_error(int socket) noexcept override {
        int code = 0;
        socklen_t length = sizeof code;
        return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &length) < 0 ? -errno : -code;
    }
    bool has_client(int listener) noexcept override {
        pollfd asked{listener, POLLIN, 0};
        return ::poll(&asked, 1, 0) != 0;  // an error is for accept4(2) to tell
    }
    int accept(int listener, endpoint& who) noexcept override {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        const int taken =
            ::accept4(listener, reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (taken < 0) return -errno;
        who = endpoint::from_sockaddr(address);
        return taken;
    }
    ssize_t receive(int socket, char* into, std::size_t size) noexcept override {
        return outcome(::recv(socket, into, size, MSG_DONTWAIT));
    }
    ssize_t look(int socket) noexcept override {
        char first = 0;
        return outcome(::recv(socket, &first, sizeof first, MSG_PEEK | MSG_DONTWAIT));
    }
    ssize_t send(int socket, std::span<iovec> parts) noexcept override {
        return send_parts(socket, parts, MSG_DONTWAIT);
    }
    int shut_send(int socket) noexcept override { return outcome(::shutdown(socket, SHUT_WR)); }
    void reset_on_close(int socket) noexcept override { io::reset_on_close(socket); }
    void close(int descriptor) noexcept override { ::close(descriptor); }

    endpoint local(int socket) const noexcept override { return local_of(socket); }
    endpoint remote(int socket) const noexcept override { return remote_of(socket); }
    tcp_facts facts(int socket) const override { return read_tcp_facts(socket); }

    int duplicate(int descriptor) noexcept override {
        return outcome(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    }

    int open_wake_up() override {
        const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (descriptor < 0) throw error::from_result(-errno, "open", "an eventfd");
        return descriptor;
    }
    void wake(int wake_up) noexcept override {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written =
            ::write(wake_up, &one, sizeof one);  // full: it is awake already
    }
    void calm(int wake_up) noexcept override {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto taken = ::read(wake_up, &count, sizeof count);
    }
};

}  // namespace

kernel& kernel::machine() noexcept {
    static machine_kernel calls;
    return calls;
}

bool nothing_came(kernel& calls, int socket) noexcept {
    ssize_t there = -EINTR;
    while (there == -EINTR)
        there = calls.look(socket);
    return there == -EAGAIN;
}

int accept_client(kernel& calls, int listener, endpoint& who, bool told) noexcept {
    if (!told && !calls.has_client(listener)) return -EAGAIN;
    // As many as may have gone in a moment. A firewall that refuses everybody gives its errno without end.
    constexpr int passed_over_max = 16;
    int result = 0;
    for (int tries = 0; tries < passed_over_max; ++tries) {
        result = calls.accept(listener, who);
        if (result >= 0 || !concerns_one_client(-result)) return result;
    }
    return result;
}

}  // namespace aperto::io
