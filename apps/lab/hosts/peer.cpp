// SPDX-License-Identifier: MIT
#include "core/sentence.hpp"
#include "lab/analysis/byte_stream.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/host.hpp"
#include "lab/hosts/program.hpp"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <deque>

namespace aperto::lab {

namespace {

struct peer_plan {
    bool serves = false;
    std::string host = "server";
    std::string port = "9999";
    std::vector<std::string> texts;   ///< one write each
    std::uint64_t bytes = 0;          ///< of a pattern, beyond the texts
    std::size_t write_size = 65'536;  ///< of the pattern
    std::size_t read_size = 65'536;
    duration write_pause{};
    duration read_pause{};
    duration first_read_pause{};
    int receive_buffer = 0;       ///< 0: the kernel's
    std::uint64_t end_after = 0;  ///< bytes to receive before it ends its sending side
    bool upper = false;           ///< send back what comes, in capitals
    bool reply_at_end = false;    ///< … once the other has nothing more to send
    bool keep_open = false;       ///< do not end the sending side until the other has
};

std::chrono::nanoseconds clock_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

bool read_option(const std::string& name, const std::string& value, peer_plan& out) {
    if (name == "--host") {
        out.host = value;
    } else if (name == "--port") {
        out.port = std::to_string(parse_count(value, 1, 65'535));
    } else if (name == "--text") {
        out.texts.push_back(value);
    } else if (name == "--bytes") {
        out.bytes = parse_size(value);
    } else if (name == "--end-after") {
        out.end_after = parse_size(value);
    } else if (name == "--write-size") {
        out.write_size = std::clamp<std::size_t>(parse_size(value), 1, 1U << 20U);
    } else if (name == "--read-size") {
        out.read_size = std::clamp<std::size_t>(parse_size(value), 1, 1U << 20U);
    } else if (name == "--write-pause") {
        out.write_pause = parse_duration(value);
    } else if (name == "--read-pause") {
        out.read_pause = parse_duration(value);
    } else if (name == "--first-read-pause") {
        out.first_read_pause = parse_duration(value);
    } else if (name == "--receive-buffer") {
        out.receive_buffer = static_cast<int>(parse_count(value, 1, 1U << 26U));
    } else {
        return false;
    }
    return true;
}

peer_plan read_plan(const std::vector<std::string>& arguments) {
    peer_plan out;
    if (arguments.empty() || (arguments[0] != "serve" && arguments[0] != "call")) {
        throw bad_input(_("write: aperto lab peer serve … or aperto lab peer call …"));
    }
    out.serves = arguments[0] == "serve";
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const auto& name = arguments[i];
        if (name == "--upper") {
            out.upper = true;
        } else if (name == "--reply-at-end") {
            out.reply_at_end = true;
        } else if (name == "--keep-open") {
            out.keep_open = true;
        } else if (i + 1 >= arguments.size() || !read_option(name, arguments[i + 1], out)) {
            throw bad_input(sentence(_("a peer has no option '{}', or its value is missing"), name));
        } else {
            ++i;
        }
    }
    return out;
}

struct addresses {
    addrinfo* first = nullptr;
    ~addresses() {
        if (first != nullptr) {
            ::freeaddrinfo(first);
        }
    }
};

void resolve(const char* host, const peer_plan& plan, addresses& out) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = host == nullptr ? AI_PASSIVE : 0;
    const int failed = ::getaddrinfo(host, plan.port.c_str(), &hints, &out.first);
    if (failed != 0) {
        throw std::system_error(EHOSTUNREACH, std::system_category(), ::gai_strerror(failed));
    }
}

void set_buffer(int socket, const peer_plan& plan) {
    if (plan.receive_buffer > 0) {
        ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &plan.receive_buffer, sizeof plan.receive_buffer);
    }
}

descriptor accept_one(const peer_plan& plan) {
    // IPv6's any-address takes IPv4 too; where there is no IPv6, the list has IPv4 alone.
    addresses found;
    resolve(nullptr, plan, found);
    addrinfo* chosen = found.first;
    for (auto* one = found.first; one != nullptr; one = one->ai_next) {
        chosen = one->ai_family == AF_INET6 ? one : chosen;
    }
    descriptor listener(checked(::socket(chosen->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket"));
    const int on = 1;
    const int off = 0;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    set_buffer(listener.get(), plan);
    checked(::bind(listener.get(), chosen->ai_addr, chosen->ai_addrlen), "bind");
    checked(::listen(listener.get(), 16), "listen");
    return descriptor(
        checked(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK), "accept"));
}

descriptor connect_one(const peer_plan& plan) {
    addresses found;
    resolve(plan.host.c_str(), plan, found);
    int failed = 0;
    for (auto* one = found.first; one != nullptr; one = one->ai_next) {
        descriptor socket(checked(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket"));
        set_buffer(socket.get(), plan);
        if (::connect(socket.get(), one->ai_addr, one->ai_addrlen) == 0) {
            const int on = 1;
            ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            return socket;
        }
        failed = errno;
    }
    throw std::system_error(failed, std::system_category(), "connect to " + plan.host);
}

/// One conversation: writes what is to be written, reads until the other ends, both at their own pace.
class conversation {
public:
    conversation(const peer_plan& plan, int socket)
        : plan_(plan),
          socket_(socket),
          pattern_left_(plan.bytes),
          buffer_(plan.read_size),
          pending_(plan.texts.begin(), plan.texts.end()) {
        next_read_ = clock_now() + plan.first_read_pause;
        for (std::size_t i = 0; plan.bytes > 0 && i < plan.write_size + 26; ++i) {
            pattern_ += static_cast<char>('a' + i % 26);
        }
    }

    void run() {
        for (end_if_done(); !heard_end_ || !ended_; end_if_done()) {
            wait();
        }
        std::printf("writes=%llu reads=%llu sent=%llu received=%llu digest_sent=%s digest_received=%s\n",
                    writes_, reads_, static_cast<unsigned long long>(sent_.bytes()),
                    static_cast<unsigned long long>(received_.bytes()), to_text(sent_).c_str(),
                    to_text(received_).c_str());
    }

private:
    bool may_write() const {
        const bool wants = !pending_.empty() || pattern_left_ > 0;
        return wants && !ended_ && (!plan_.reply_at_end || heard_end_);
    }

    void end_if_done() {
        // A server leaves the end to its client, unless it was told after how many bytes to end.
        const bool waits = plan_.end_after > 0 ? received_.bytes() < plan_.end_after
                                               : plan_.serves || plan_.upper || plan_.keep_open;
        const bool more_to_come = waits && !heard_end_;
        if (!ended_ && pending_.empty() && pattern_left_ == 0 && !more_to_come) {
            ended_ = true;
            ::shutdown(socket_, SHUT_WR);
        }
    }

    void wait() {
        const auto now = clock_now();
        const bool write = may_write() && next_write_ <= now;
        const bool read = !heard_end_ && next_read_ <= now;
        auto wake = std::chrono::nanoseconds::max();
        if (may_write() && !write) {
            wake = std::min(wake, next_write_ - now);
        }
        if (!heard_end_ && !read) {
            wake = std::min(wake, next_read_ - now);
        }
        pollfd one{socket_, static_cast<short>((write ? POLLOUT : 0) | (read ? POLLIN : 0)), 0};
        timespec time{};
        time.tv_sec = static_cast<time_t>(wake.count() / 1'000'000'000);
        time.tv_nsec = wake.count() % 1'000'000'000;
        const bool watches = one.events != 0;
        if (::ppoll(&one, watches ? 1 : 0, wake == std::chrono::nanoseconds::max() ? nullptr : &time,
                    nullptr) <= 0) {
            return;
        }
        if (read && (one.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            read_once();
        }
        if (write && (one.revents & POLLOUT) != 0) {
            write_once();
        }
    }

    void read_once() {
        const auto size = ::read(socket_, buffer_.data(), buffer_.size());
        if (size < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                return;
            }
            throw std::system_error(errno, std::system_category(), "receive");
        }
        if (size == 0) {
            heard_end_ = true;
            return;
        }
        ++reads_;
        const bytes_view bytes(buffer_.data(), static_cast<std::size_t>(size));
        received_.add(bytes);
        if (plan_.upper) {
            std::string text(bytes.begin(), bytes.end());
            std::transform(text.begin(), text.end(), text.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
            pending_.push_back(std::move(text));
        }
        next_read_ = clock_now() + plan_.read_pause;
    }

    void write_once() {
        if (pending_.empty()) {
            const auto size = std::min<std::uint64_t>(plan_.write_size, pattern_left_);
            pending_.push_back(pattern_.substr(pattern_at_ % 26, size));
            pattern_at_ += size;
            pattern_left_ -= size;
        }
        auto& piece = pending_.front();
        const auto size =
            ::send(socket_, piece.data() + written_, piece.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                return;
            }
            throw std::system_error(errno, std::system_category(), "send");
        }
        ++writes_;
        sent_.add(
            {reinterpret_cast<const std::uint8_t*>(piece.data()) + written_, static_cast<std::size_t>(size)});
        written_ += static_cast<std::size_t>(size);
        if (written_ == piece.size()) {
            written_ = 0;
            pending_.pop_front();
            next_write_ = clock_now() + plan_.write_pause;
        }
    }

    const peer_plan& plan_;
    int socket_;
    std::uint64_t pattern_left_;
    std::uint64_t pattern_at_ = 0;
    std::string pattern_;      ///< the alphabet, long enough for any write at any point of it
    std::size_t written_ = 0;  ///< of the first pending piece
    std::vector<std::uint8_t> buffer_;
    std::deque<std::string> pending_;
    std::chrono::nanoseconds next_read_{};
    std::chrono::nanoseconds next_write_{};
    bool heard_end_ = false;
    bool ended_ = false;
    unsigned long long writes_ = 0;
    unsigned long long reads_ = 0;
    stream_digest sent_;
    stream_digest received_;
};

}  // namespace

int run_peer(const std::vector<std::string>& arguments) {
    try {
        const auto plan = read_plan(arguments);
        const auto socket = plan.serves ? accept_one(plan) : connect_one(plan);
        conversation(plan, socket.get()).run();
        return 0;
    } catch (const bad_input& wrong) {
        std::fprintf(stderr, "%s %s\n", _("error:"), wrong.what());
        return 2;
    } catch (const std::system_error& failed) {
        std::fprintf(stderr, "%s %s\n", _("error:"), failed.what());
        return 1;
    }
}

}  // namespace aperto::lab
