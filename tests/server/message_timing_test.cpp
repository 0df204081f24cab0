// SPDX-License-Identifier: MIT
// Whose fault a slow answer is: a cause is planted, and the record of each message has to name it, and to say as long as
// the client has waited. APERTO_TIMED_MESSAGES: how many messages of each cause (the environment; 10,000 by hand).
#include "aperto/server.hpp"
#include "aperto/sleep.hpp"
#include "io/socket_times.hpp"
#include "server/client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

/// Keeps the records, by the message's number; one connection.
class records final : public server_events {
public:
    void timed(const message_record& what) override {
        const std::lock_guard lock(guard_);
        if (connection_ != 0 && what.connection != connection_) return;
        all_[what.message] = what;
        changed_.notify_all();
    }
    /// Of that one alone, the number that the server gave it.
    void only(std::uint64_t connection) { connection_ = connection; }
    /// Waits for so many.
    std::map<std::uint64_t, message_record> wait_for(std::size_t count) {
        std::unique_lock lock(guard_);
        changed_.wait_for(lock, 20s, [&] { return all_.size() >= count; });
        return all_;
    }

private:
    std::atomic<std::uint64_t> connection_ = 0;
    std::mutex guard_;
    std::condition_variable changed_;
    std::map<std::uint64_t, message_record> all_;
};

std::size_t message_count() {
    const char* const asked = std::getenv("APERTO_TIMED_MESSAGES");
    return asked ? static_cast<std::size_t>(std::atoll(asked)) : 4;
}

class timing_on : public testing::TestWithParam<engine> {
protected:
    /// Of a server's first packets there may be no stamps: the kernel begins with them a moment after it was asked to.
    static void SetUpTestSuite() {
        static const descriptor keeper = io::keep_stamping();
        std::this_thread::sleep_for(50ms);
    }

    options basic() {
        return {.host = "127.0.0.1",
                .port = 0,
                .workers = 1,
                .engine = GetParam(),
                .framing = framing::line,
                .trace_messages = 1,
                .events = &seen};
    }

    /// Has `exchange` done so often, which gives how long its message took; and holds that against what was told of the
    /// messages, of which each `step` is one.
    void expect_blame(message_part cause, const std::function<duration()>& exchange, std::uint64_t step = 1) {
        const std::size_t count = message_count();
        std::vector<duration> waited;
        for (std::size_t i = 0; i < count; ++i)
            waited.push_back(exchange());
        const auto told = seen.wait_for(count * step);
        std::size_t right = 0;
        std::size_t close = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const auto found = told.find((i + 1) * step);
            ASSERT_NE(found, told.end()) << (i + 1) * step;
            const message_record& one = found->second;
            EXPECT_TRUE(one.acknowledged);
            const bool is_right = one.blame() == cause;
            if (is_right) ++right;
            EXPECT_TRUE(is_right) << describe(one);
            if (std::getenv("APERTO_TIMED_MESSAGES"))
                std::printf("%s; %ld\n", describe(one).c_str(), long(waited[i] / 1us));
            const duration off = std::chrono::abs(one.total() - waited[i]);
            if (off <= waited[i] / 20) ++close;
            EXPECT_LE(off, waited[i] / 20 + 15ms)
                << describe(one) << "; " << waited[i] / 1us << " were waited";
        }
        std::printf("%s: right %zu, within 5 %% %zu, of %zu\n", std::string(to_string(cause)).c_str(), right,
                    close, count);
    }

    static duration ask(plain_client& client, std::string_view question, std::size_t answer_size) {
        const time_point since = clock::now();
        client.send(question);
        EXPECT_EQ(client.receive(answer_size).size(), answer_size);
        return clock::now() - since;
    }

    static std::string describe(const message_record& one) {
        std::string text = "message " + std::to_string(one.message) + ":";
        for (std::size_t i = 0; i < message_part_count; ++i)
            if (one.parts[i] > duration{})
                text += " " + std::string(to_string(static_cast<message_part>(i))) + " " +
                        std::to_string(one.parts[i].count() / 1000);
        return text;
    }

    records seen;
};

TEST_P(timing_on, a_slow_handler) {
    server serving(basic(), [](std::string_view message, exchange& with) {
        std::this_thread::sleep_for(20ms);
        with.reply(message);
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    expect_blame(message_part::handler, [&] { return ask(client, "one\n", 4); });
}

task<> answer_late(std::string_view message, exchange& with) {
    co_await sleep(20ms);
    with.reply(message);
}

TEST_P(timing_on, a_handler_that_waits_for_somebody_else) {
    server serving(basic(), answer_late);
    serving.start();
    plain_client client(serving.endpoints().front());
    expect_blame(message_part::handler, [&] { return ask(client, "one\n", 4); });
}

/// Another client's handler keeps the loop; the message comes while it does.
TEST_P(timing_on, a_loop_that_others_starve) {
    server serving(basic(), [](std::string_view message, exchange& with) {
        if (message == "long") std::this_thread::sleep_for(40ms);
        with.reply(message);
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    plain_client other(serving.endpoints().front());
    seen.only(1);
    expect_blame(message_part::loop, [&] {
        other.send("long\n");
        std::this_thread::sleep_for(5ms);
        const duration waited = ask(client, "one\n", 4);
        other.receive(5);
        return waited;
    });
}

TEST_P(timing_on, a_client_that_thinks_in_the_middle_of_a_message) {
    server serving(basic(), [](std::string_view message, exchange& with) { with.reply(message); });
    serving.start();
    plain_client client(serving.endpoints().front());
    expect_blame(message_part::client, [&] {
        const time_point since = clock::now();
        client.send("on");
        std::this_thread::sleep_for(30ms);
        client.send("e\n").receive(4);
        return clock::now() - since;
    });
}

/// And in between it is nobody's: the acknowledgement that it holds back meanwhile is in no total.
TEST_P(timing_on, a_client_that_thinks_between_messages) {
    server serving(basic(), [](std::string_view message, exchange& with) {
        std::this_thread::sleep_for(10ms);
        with.reply(message);
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    expect_blame(message_part::handler, [&] {
        const duration waited = ask(client, "one\n", 4);
        std::this_thread::sleep_for(100ms);
        return waited;
    });
}

/// The answer is more than the client's buffer takes, and it reads a piece at a time.
TEST_P(timing_on, a_slow_reader) {
    constexpr std::size_t answer_size = 200'000;
    server serving(basic(),
                   [](std::string_view, exchange& with) { with.reply(std::string(answer_size - 1, 'x')); });
    serving.start();
    plain_client client(serving.endpoints().front(), {}, 8192);
    expect_blame(message_part::window, [&] {
        const time_point since = clock::now();
        client.send("one\n");
        for (std::size_t got = 0; got < answer_size;) {
            std::this_thread::sleep_for(2ms);
            got += client.receive(std::min<std::size_t>(4000, answer_size - got)).size();
        }
        return clock::now() - since;
    });
}

INSTANTIATE_TEST_SUITE_P(each_engine, timing_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& which) { return std::string(to_string(which.param)); });

}  // namespace
}  // namespace aperto
