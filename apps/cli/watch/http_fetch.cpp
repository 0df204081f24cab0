// SPDX-License-Identifier: MIT
#include "cli/watch/http_fetch.hpp"

#include "cli/failure.hpp"
#include "core/i18n.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace aperto::cli {

namespace {

std::string reason(int number) { return system_reason({number, std::system_category()}); }

}  // namespace

void http_fetch::begin(const endpoint& where, const std::string& path, std::chrono::milliseconds limit) {
    status_ = 0;
    trouble_.clear();
    answer_.clear();
    deadline_ = std::chrono::steady_clock::now() + limit;
    request_ = "GET " + path + " HTTP/1.1\r\nHost: aperto\r\nConnection: close\r\n\r\n";
    socket_ = aperto::descriptor(::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const socklen_t size = where.to_sockaddr(address);
    if (!socket_ || (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) < 0 &&
                     errno != EINPROGRESS))
        fail(reason(errno));
}

short http_fetch::events() const noexcept { return request_.empty() ? POLLIN : POLLOUT; }

bool http_fetch::fail(const std::string& why) {
    trouble_ = why;
    answer_.clear();
    socket_.close();
    return true;
}

bool http_fetch::send_request() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(reason(error));
    const ssize_t sent = ::send(socket_.get(), request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent >= 0)
        request_.erase(0, static_cast<std::size_t>(sent));
    else if (errno != EAGAIN && errno != EINTR && errno != ENOTCONN)
        return fail(reason(errno));
    return false;
}

bool http_fetch::go_on() {
    if (!socket_) return true;
    if (std::chrono::steady_clock::now() > deadline_) return fail(_("no answer in time"));
    if (!request_.empty() && send_request()) return true;
    if (!request_.empty()) return false;
    std::array<char, 65'536> piece;
    // A piece of an answer at a time, so that keys are not kept waiting by a large one.
    for (int i = 0; i < 64; ++i) {
        const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), 0);
        if (got == 0) return finish();
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (got < 0) return fail(reason(errno));
        answer_.append(piece.data(), static_cast<std::size_t>(got));
        constexpr std::string_view sign = "HTTP/1.";
        const std::string_view begun = std::string_view(answer_).substr(0, sign.size());
        if (!sign.starts_with(begun)) return fail(_("what answers there does not speak HTTP"));
        if (answer_.size() > size_max) return fail(_("the answer is too large"));
    }
    return false;
}

bool http_fetch::finish() {
    socket_.close();
    const std::size_t head = answer_.find("\r\n\r\n");
    constexpr std::size_t status_at = std::string_view("HTTP/1.1 ").size();
    if (head == std::string::npos || head < status_at + 3)
        return fail(_("what answers there does not speak HTTP"));
    std::from_chars(answer_.data() + status_at, answer_.data() + status_at + 3, status_);
    answer_.erase(0, head + 4);
    return true;
}

}  // namespace aperto::cli
