// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/group.hpp"
#include "aperto/listener.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace aperto::duet {

/// The other side as the kernel alone makes it: a blocking socket, so that a test says exactly which bytes
/// go, and when.
class plain_socket {
public:
    explicit plain_socket(const endpoint& to)
        : descriptor_(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_storage address;
        const socklen_t size = to.to_sockaddr(address);
        EXPECT_EQ(::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), size), 0) << to.to_string();
    }
    plain_socket(plain_socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    plain_socket& operator=(plain_socket&&) = delete;
    ~plain_socket() { close(); }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) break;  // a test that resets the other side expects it
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// As urgent data (MSG_OOB, send(2)).
    void send_urgent(char byte) { EXPECT_EQ(::send(descriptor_, &byte, 1, MSG_OOB | MSG_NOSIGNAL), 1); }
    /// What has arrived, without waiting for more.
    std::string take(std::size_t size_max = std::string::npos) { return receive(MSG_DONTWAIT, size_max); }
    /// Everything up to the end of the stream, or to `failure()`.
    std::string take_all() { return receive(0); }
    /// The errno that ended the last `take`: 0 for the end of the stream.
    int failure() const noexcept { return failure_; }
    /// Takes so many bytes at most before it is read, about (SO_RCVBUF, socket(7)).
    void take_little(int bytes) { ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); }
    void half_close() { ::shutdown(descriptor_, SHUT_WR); }
    void reset() {
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }
    void close() {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    }

private:
    std::string receive(int flags, std::size_t size_max = std::string::npos) {
        std::string all;
        std::array<char, 64 * 1024> piece;
        ssize_t size = 1;
        while (size > 0 && all.size() < size_max) {
            size = ::recv(descriptor_, piece.data(), std::min(piece.size(), size_max - all.size()), flags);
            if (size > 0) all.append(piece.data(), static_cast<std::size_t>(size));
        }
        failure_ = size < 0 ? errno : 0;
        return all;
    }

    int descriptor_;
    int failure_ = 0;
};

/// co_await it: the stream of a connection to `to`, with the loop's own connect.
class connecting : public detail::operation_awaiter<connect_operation> {
public:
    connecting(const endpoint& to, std::shared_ptr<const stream_options> options)
        : operation_awaiter(loop::current()), to_(to), options_(std::move(options)) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start_connect(to_, {}, *this); });
    }
    stream await_resume() {
        if (result < 0) throw error::from_result(result, "connect to", to_.to_string());
        return stream::adopt(loop::current(), connected, options_);
    }

private:
    endpoint to_;
    std::shared_ptr<const stream_options> options_;
};

/// A connection on the loopback: our stream, and the plain socket at its other end.
struct pair {
    stream ours;
    plain_socket peer;
};
inline task<pair> meet(stream_options options = {}) {
    listener door(endpoint::parse("127.0.0.1:0"), {}, options);
    plain_socket peer(door.local());
    stream ours = co_await door.accept();
    co_return pair{std::move(ours), std::move(peer)};
}

/// A connection with a stream of ours at both ends.
struct streams {
    stream left;
    stream right;
};
inline task<streams> meet_ours(stream_options options = {}) {
    listener door(endpoint::parse("[::1]:0"), {}, options);
    connecting knock(door.local(), std::make_shared<const stream_options>(options));
    stream left = co_await knock;
    stream right = co_await door.accept();
    co_return streams{std::move(left), std::move(right)};
}

/// A byte now and then, until it is cancelled.
inline task<> trickle(plain_socket& peer) {
    for (;;) {
        peer.send("x");
        co_await sleep(std::chrono::milliseconds(2));
    }
}

/// Lets the loop have a turn.
inline task<> turn() { co_await sleep(duration::zero()); }

inline std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

/// Whether this process has so many descriptors open, or soon will: a helper thread may still be asking for a
/// name that nobody waits for any more.
inline bool descriptors_return_to(std::size_t count) {
    const time_point until = clock::now() + std::chrono::seconds(20);
    while (open_descriptors() != count) {
        if (clock::now() > until) return false;
        std::this_thread::yield();
    }
    return true;
}

/// The code of the error that `work` throws; none where it throws none.
inline task<std::error_code> failure_of(task<> work) {
    std::error_code code;
    try {
        co_await work;
    } catch (const error& why) {
        code = why.code();
    }
    co_return code;
}

inline task<> read_some(stream& from) { co_await from.read_some(); }
inline task<> read_line(stream& from) { co_await from.read_line(); }
inline task<> read_message(stream& from) { co_await from.read_message(); }
inline task<> read_frame(stream& from, frame_finder finder) { co_await from.read_frame(finder); }
inline task<> read_exactly(stream& from, std::size_t count) { co_await from.read_exactly(count); }
inline task<> write(stream& to, std::string_view data) { co_await to.write(data); }

/// Every test on each engine that this machine allows. A test is a coroutine that runs on the loop `on`.
class StreamTest : public testing::TestWithParam<engine> {
protected:
    StreamTest() : descriptors_before_(open_descriptors()) {
        try {
            on = loop::create({.which = GetParam()});
        } catch (const error& refused) {
            refused_ = refused.what();
        }
    }
    void SetUp() override {
        if (!on) GTEST_SKIP() << refused_;
    }
    void TearDown() override {
        on.reset();
        EXPECT_TRUE(descriptors_return_to(descriptors_before_)) << "descriptors left open";
    }
    /// Runs `story` and what it left in the background, to the end.
    void play(task<> story) {
        on->spawn(std::move(story));
        on->run();
        EXPECT_EQ(on->count(), loop::census{}) << "sockets, tasks, timers or buffers left";
    }

    std::unique_ptr<loop> on;

private:
    std::size_t descriptors_before_;
    std::string refused_;
};

inline std::string engine_name(const testing::TestParamInfo<engine>& tested) {
    return std::string(to_string(tested.param));
}

}  // namespace aperto::duet
