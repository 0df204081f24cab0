// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"
#include "aperto/sim.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coroutine>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace aperto::seam {

// ---- the raw operations, awaitable: each gives its result

class receiving : public detail::operation_awaiter<receive_operation> {
public:
    receiving(loop& on, socket_id from) : operation_awaiter(on), from_(from) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start_receive(from_, *this); });
    }
    int await_resume() const noexcept { return result; }
    /// The bytes, copied; the buffer goes back.
    std::string take() {
        std::string text(bytes.data, bytes.size);
        owner().give_back(std::exchange(bytes, {}));
        return text;
    }

private:
    socket_id from_;
};

class sending : public detail::operation_awaiter<send_operation> {
public:
    sending(loop& on, socket_id to, std::string_view data)
        : operation_awaiter(on), to_(to), part_{const_cast<char*>(data.data()), data.size()} {
        parts = {&part_, 1};
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start_send(to_, *this); });
    }
    int await_resume() const noexcept { return result; }

private:
    socket_id to_;
    iovec part_;
};

class accepting : public detail::operation_awaiter<accept_operation> {
public:
    accepting(loop& on, socket_id from) : operation_awaiter(on), from_(from) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start_accept(from_, *this); });
    }
    int await_resume() const noexcept { return result; }

private:
    socket_id from_;
};

class connecting : public detail::operation_awaiter<connect_operation> {
public:
    connecting(loop& on, const endpoint& to, const connect_options& options = {})
        : operation_awaiter(on), to_(to), options_(options) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start_connect(to_, options_, *this); });
    }
    int await_resume() const noexcept { return result; }

private:
    endpoint to_;
    connect_options options_;
};

class waiting_event : public detail::operation_awaiter<operation> {
public:
    explicit waiting_event(loop& on) : operation_awaiter(on, operation::kind::event) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] {
            owner().expect(*this);
            return false;
        });
    }
    int await_resume() const noexcept { return result; }
};

/// Sends all of `data`, however many sends it takes. 0 or a negative errno.
inline task<int> send_all(loop& on, socket_id to, std::string_view data) {
    while (!data.empty()) {
        sending part(on, to, data);
        const int sent = co_await part;
        if (sent < 0) co_return sent;
        data.remove_prefix(static_cast<std::size_t>(sent));
    }
    co_return 0;
}

/// Receives `count` bytes, or fewer where the stream ends or breaks first.
inline task<std::string> receive_exactly(loop& on, socket_id from, std::size_t count) {
    std::string all;
    while (all.size() < count) {
        receiving some(on, from);
        if (co_await some <= 0) break;
        all += some.take();
    }
    co_return all;
}

/// Two ends of one loopback connection, both on the same loop.
struct pair {
    socket_id client;
    socket_id server;
};

inline task<pair> connect_to(loop& on, socket_id door) {
    connecting out(on, on.local(door));
    EXPECT_EQ(co_await out, 0);
    accepting in(on, door);
    EXPECT_EQ(co_await in, 0);
    co_return pair{out.connected, in.accepted};
}

inline socket_id listen_on_loopback(loop& on) { return on.listen(endpoint::parse("127.0.0.1:0"), {}); }

inline task<pair> make_pair_of(loop& on) {
    const socket_id door = listen_on_loopback(on);
    const pair both = co_await connect_to(on, door);
    on.close(door);
    co_return both;
}

inline void close_both(loop& on, pair both) {
    on.close(both.client);
    on.close(both.server);
}

/// Goes round the loop so many times.
inline task<> turns(loop& on, int count) {
    for (int i = 0; i < count; ++i) {
        waiting_event next(on);
        on.post([&next, &on] { on.notify(next); });
        co_await next;
    }
}

/// A coroutine outside any loop's care, that starts at once and is destroyed wherever it stands with this
/// object.
class abandonable {
public:
    struct promise_type {
        abandonable get_return_object() {
            return abandonable(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
    abandonable(abandonable&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    abandonable& operator=(abandonable&&) = delete;
    ~abandonable() {
        if (frame_) frame_.destroy();
    }
    bool ended() const noexcept { return frame_.done(); }

private:
    explicit abandonable(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

inline std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

/// No new descriptor can be had while this lives.
class no_descriptors_left {
public:
    no_descriptors_left() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int lowest_free = ::dup(0);
        ::close(lowest_free);
        const rlimit now{static_cast<rlim_t>(lowest_free), before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~no_descriptors_left() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

/// Where a test runs: on an engine and this machine's kernel, or on the same engine and a simulated one.
struct stage {
    engine which;
    bool simulated = false;
};
/// For what a failing test prints.
inline std::ostream& operator<<(std::ostream& out, const stage& where) {
    return out << (where.simulated ? "sim_" : "") << to_string(where.which);
}

/// Each test runs on each engine that this kernel allows; a refused one is skipped with the kernel's reason.
class seam_test : public testing::TestWithParam<stage> {
protected:
    void SetUp() override { start({}); }
    /// Starts anew with other options.
    void start(loop_options options) {
        options.which = GetParam().which;
        own_.reset();
        if (is_simulated()) return start_simulated(options);
        try {
            own_ = loop::create(options);
        } catch (const error& refused) {
            GTEST_SKIP() << refused.what();
        }
        on = own_.get();
        before_ = on->count();
    }
    /// What tests end with: nothing is left on the loop but what was there at first.
    void expect_nothing_left() {
        const loop::census now = on->count();
        EXPECT_EQ(now.sockets, before_.sockets);
        EXPECT_EQ(now.tasks, before_.tasks);
        EXPECT_EQ(now.timers, before_.timers);
        EXPECT_EQ(now.lent_buffers, before_.lent_buffers);
    }

    /// For a test that uses the kernel's descriptors, or threads: a simulation has none.
    bool is_simulated() const { return GetParam().simulated; }

    loop* on = nullptr;

private:
    void start_simulated(const loop_options& options) {
        world_ = std::make_unique<sim::world>();
        on = &world_
                  ->add_host("here", {.lent_buffers = options.receive_buffers,
                                      .lent_buffer_size = options.receive_buffer_size,
                                      .bulk_buffer_size = options.bulk_buffer_size,
                                      .engine = options.which})
                  .loop();
        before_ = on->count();
    }

    std::unique_ptr<loop> own_;
    std::unique_ptr<sim::world> world_;
    loop::census before_;
};

inline std::string name_of(const testing::TestParamInfo<stage>& info) {
    return testing::PrintToString(info.param);
}

/// To be put at the end of each file of the suite.
#define APERTO_ON_BOTH_ENGINES(suite)                                                                     \
    INSTANTIATE_TEST_SUITE_P(engines, suite, testing::Values(stage{engine::uring}, stage{engine::epoll}), \
                             name_of)
/// Where nothing asks for the kernel's own: both on a simulated kernel too.
#define APERTO_ON_EVERY_ENGINE(suite)                                                                 \
    INSTANTIATE_TEST_SUITE_P(engines, suite,                                                          \
                             testing::Values(stage{engine::uring}, stage{engine::epoll},              \
                                             stage{engine::uring, true}, stage{engine::epoll, true}), \
                             name_of)

}  // namespace aperto::seam
