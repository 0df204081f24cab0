// SPDX-License-Identifier: MIT
#include "cli/serve/handover_channel.hpp"

#include "aperto/error.hpp"
#include "core/passed_descriptors.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace aperto::cli {
namespace {

constexpr std::size_t word_most = 64;

[[noreturn]] void raise(const char* tried, int code = errno) { throw error::from_result(-code, tried); }

ucred credentials_of(int socket) noexcept {
    ucred who{.pid = 0, .uid = static_cast<uid_t>(-1), .gid = static_cast<gid_t>(-1)};
    socklen_t size = sizeof who;
    static_cast<void>(::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size));
    return who;
}

using passed_socket = passed_descriptors<1>;

bool is_gone(int code) noexcept { return code == EPIPE || code == ECONNRESET || code == ENOTCONN; }

}  // namespace

bool handover_channel::wait(short events, duration limit) const {
    const time_point until = limit == forever ? time_point::max() : clock::now() + limit;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
        const bool endless = until == time_point::max();
        const int timeout = endless ? -1 : static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
        std::array<pollfd, 2> waits{{{socket_.get(), events, 0}, {over_, POLLIN, 0}}};
        const int count = ::poll(waits.data(), over_ < 0 ? 1 : 2, timeout);
        if (count < 0 && errno != EINTR) raise("wait for a handover");
        if (count > 0 && waits[1].revents != 0) return false;
        if (count > 0) return true;
        if (!endless && clock::now() >= until) throw error(errc::deadline, "wait for a handover");
    }
}

bool handover_channel::is_over() const noexcept {
    pollfd waits{over_, POLLIN, 0};
    return over_ >= 0 && ::poll(&waits, 1, 0) > 0;
}

bool handover_channel::send(std::string_view word, int socket) const {
    std::array<char, word_most> text{};
    const std::size_t size = word.copy(text.data(), text.size());
    iovec bytes{.iov_base = text.data(), .iov_len = size};
    passed_socket passed;
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (socket >= 0) passed.send_with(message, {&socket, 1});
    for (;;) {
        if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return true;
        if (is_gone(errno)) return false;
        if (errno == EINTR) continue;
        if (errno != EAGAIN) raise("hand sockets over");
        if (!wait(POLLOUT, handover_patience)) return false;
    }
}

std::optional<handover_channel::packet> handover_channel::receive(duration limit) const {
    std::array<char, word_most> text{};
    iovec bytes{.iov_base = text.data(), .iov_len = text.size()};
    for (;;) {
        if (!wait(POLLIN, limit)) return {};
        passed_socket passed;
        msghdr message{};
        message.msg_iov = &bytes;
        message.msg_iovlen = 1;
        passed.receive_with(message);
        const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (size == 0 || (size < 0 && is_gone(errno))) return {};
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (size < 0) raise("take sockets over");
        descriptor taken;  // owned before anything else is made
        passed_socket::take(message, [&](int number) { taken = descriptor(number); });
        packet one{.word = std::string(text.data(), static_cast<std::size_t>(size)),
                   .socket = std::move(taken)};
        // The kernel had no descriptor left for it (recvmsg(2)).
        if ((message.msg_flags & MSG_CTRUNC) != 0) raise("take a socket over", EMFILE);
        return one;
    }
}

bool handover_channel::is_ours() const noexcept {
    const uid_t other = credentials_of(socket_.get()).uid;
    return other == ::geteuid() || other == 0;
}

pid_t handover_channel::process() const noexcept { return credentials_of(socket_.get()).pid; }

}  // namespace aperto::cli
