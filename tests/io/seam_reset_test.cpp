// SPDX-License-Identifier: MIT
// A reset right behind the last bytes: both are told, in whatever moment they come.
#include "aperto/choice.hpp"
#include "aperto/group.hpp"
#include "io/seam.hpp"

#include <unistd.h>

#include <atomic>
#include <thread>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

/// Another thread, that sends nine bytes and then a reset on each socket it is given.
class breaker {
public:
    breaker() : thread_([this] { work(); }) {}
    ~breaker() {
        give(ends);
        thread_.join();
    }
    /// A connected, blocking socket, which it closes. Returns at once; waits for the one before.
    void give(int descriptor) noexcept {
        wait_until_idle();
        next_.store(descriptor, std::memory_order_release);
    }
    void wait_until_idle() const noexcept {
        while (next_.load(std::memory_order_acquire) != idle)
            std::this_thread::yield();
    }

private:
    static constexpr int idle = -1;
    static constexpr int ends = -2;

    void work() noexcept {
        for (;;) {
            const int descriptor = next_.load(std::memory_order_acquire);
            if (descriptor == ends) return;
            if (descriptor == idle) {
                std::this_thread::yield();
                continue;
            }
            EXPECT_EQ(::send(descriptor, "half a li", 9, MSG_NOSIGNAL), 9);
            const linger reset{.l_onoff = 1, .l_linger = 0};
            ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            ::close(descriptor);
            next_.store(idle, std::memory_order_release);
        }
    }

    std::atomic<int> next_ = idle;
    std::thread thread_;
};

int connect_plainly(const endpoint& to) {
    sockaddr_storage address{};
    const socklen_t length = to.to_sockaddr(address);
    const int descriptor = ::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), length), 0);
    return descriptor;
}

void pause_for(unsigned steps) {
    for (unsigned step = 0; step < steps; ++step)
        std::atomic_signal_fence(std::memory_order_seq_cst);
}

class reset : public seam_test {
protected:
    /// Receives until the end, which it gives; answers what comes, where `answers`, whatever becomes of it.
    task<int> receive_to_the_end(socket_id from, bool answers) {
        for (;;) {
            receiving some(*on, from);
            const int result = co_await some;
            if (result <= 0) co_return result;
            const std::string question = some.take();
            if (answers) co_await send_all(*on, from, question);
        }
    }
    /// The end of each of many connections, broken some microseconds into its life, at another point each
    /// time.
    task<> be_broken(bool answers) {
        // Without the second look about one in 2,000 is lost on two free processors.
        constexpr unsigned connections = 10'000;
        breaker other;
        const socket_id door = listen_on_loopback(*on);
        for (unsigned number = 0; number < connections; ++number) {
            const int client = connect_plainly(on->local(door));
            accepting in(*on, door);
            EXPECT_EQ(co_await in, 0);
            other.give(client);
            pause_for(number * 7 % 4001);
            const int end = co_await with_timeout(10s, receive_to_the_end(in.accepted, answers));
            EXPECT_TRUE(end == -ECONNRESET || end == 0) << end;
            on->close(in.accepted);
        }
        on->close(door);
    }
};

TEST_P(reset, is_told_whenever_it_comes) {
    on->run(be_broken(false));
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(reset, is_told_though_an_answer_has_met_it_first) {
    on->run(be_broken(true));
    on->run(turns(*on, 5));
    expect_nothing_left();
}

APERTO_ON_BOTH_ENGINES(reset);

}  // namespace
}  // namespace aperto::seam
