// SPDX-License-Identifier: MIT
#include "load/small_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

std::string capitals(std::string_view text) {
    std::string out(text);
    for (char& each : out) {
        each = static_cast<char>(std::toupper(static_cast<unsigned char>(each)));
    }
    return out;
}

bool send_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace

small_server::small_server(behaviour how) : how_(std::move(how)) {
    if (!how_.answer) how_.answer = capitals;
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* const address = reinterpret_cast<sockaddr*>(&where);
    if (::bind(listener_, address, size) != 0 || ::listen(listener_, 512) != 0 ||
        ::getsockname(listener_, address, &size) != 0 || ::pipe(wake_) != 0) {
        throw std::runtime_error("the small server could not start");
    }
    port_ = ntohs(where.sin_port);
    thread_ = std::thread([this] { serve(); });
}

small_server::~small_server() {
    const char end = 0;
    [[maybe_unused]] const ssize_t written = ::write(wake_[1], &end, 1);
    thread_.join();
    ::close(listener_);
    ::close(wake_[0]);
    ::close(wake_[1]);
}

void small_server::serve() {
    std::vector<pollfd> polled{{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    std::vector<unsigned> answers{0, 0};
    std::vector<char> buffer(256 * 1024);
    unsigned total = 0;
    while (::poll(polled.data(), polled.size(), -1) >= 0 && polled[0].revents == 0) {
        for (std::size_t i = polled.size(); i-- > 2;) {
            if (polled[i].revents == 0) continue;
            const ssize_t count = ::recv(polled[i].fd, buffer.data(), buffer.size(), 0);
            if (how_.stall_after != 0 && ++total == how_.stall_after) {
                std::this_thread::sleep_for(std::chrono::milliseconds(how_.stall_ms));
            }
            const bool goes_on =
                count > 0 &&
                send_all(polled[i].fd, how_.answer({buffer.data(), static_cast<std::size_t>(count)})) &&
                ++answers[i] != how_.answers_a_connection;
            if (goes_on) continue;
            ::close(polled[i].fd);
            polled.erase(polled.begin() + static_cast<std::ptrdiff_t>(i));
            answers.erase(answers.begin() + static_cast<std::ptrdiff_t>(i));
        }
        if (polled[1].revents != 0) {
            polled.push_back({::accept(listener_, nullptr, nullptr), POLLIN, 0});
            answers.push_back(0);
            ++accepted_;
        }
    }
    for (std::size_t i = 2; i < polled.size(); ++i) {
        ::close(polled[i].fd);
    }
}
