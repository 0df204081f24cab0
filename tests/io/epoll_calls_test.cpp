// SPDX-License-Identifier: MIT
// How often the epoll engine asks for a socket to be watched: each time is a system call.
#include "io/epoll_loop.hpp"
#include "io/kernel.hpp"
#include "io/poller.hpp"
#include "io/seam.hpp"

#include <memory>
#include <span>
#include <utility>

namespace aperto::seam {
namespace {

struct counts {
    int adds = 0;
    int modifications = 0;
};

class counting_poller final : public io::poller {
public:
    explicit counting_poller(counts& into) : into_(into) {}
    int add(int descriptor, std::uint32_t events, std::uint64_t data) noexcept override {
        ++into_.adds;
        return of_machine_->add(descriptor, events, data);
    }
    int modify(int descriptor, std::uint32_t events, std::uint64_t data) noexcept override {
        ++into_.modifications;
        return of_machine_->modify(descriptor, events, data);
    }
    void remove(int descriptor) noexcept override { of_machine_->remove(descriptor); }
    int descriptor() const noexcept override { return of_machine_->descriptor(); }
    int wait(std::span<epoll_event> into, std::int64_t nanoseconds) noexcept override {
        return of_machine_->wait(into, nanoseconds);
    }

private:
    counts& into_;
    std::unique_ptr<io::poller> of_machine_ = io::open_poller();
};

task<> answer(loop& on, socket_id client, int messages) {
    for (int i = 0; i < messages; ++i) {
        EXPECT_EQ(co_await receive_exactly(on, client, 1), "?");
        EXPECT_EQ(co_await send_all(on, client, "!"), 0);
    }
}

/// Each of the two waits for each message.
task<> talk(loop& on, const pair& both, int messages) {
    on.spawn(answer(on, both.server, messages));
    co_await turns(on, 2);
    for (int i = 0; i < messages; ++i) {
        EXPECT_EQ(co_await send_all(on, both.client, "?"), 0);
        EXPECT_EQ(co_await receive_exactly(on, both.client, 1), "!");
    }
}

TEST(EpollCalls, ASocketIsWatchedOnceHoweverOftenItIsWaitedFor) {
    counts asked;
    io::epoll_loop on({}, io::kernel::machine(), std::make_unique<counting_poller>(asked), clock::now());
    const auto story = [](loop& here, counts& seen) -> task<> {
        const pair both = co_await make_pair_of(here);
        co_await talk(here, both, 1);
        const counts before = seen;
        co_await talk(here, both, 100);
        EXPECT_EQ(seen.adds, before.adds);
        EXPECT_EQ(seen.modifications, before.modifications);
        close_both(here, both);
    };
    on.run(story(on, asked));
}

/// A kernel that watches no more sockets (epoll_ctl(2): ENOSPC, max_user_watches) once it is full.
class full_poller final : public io::poller {
public:
    explicit full_poller(bool& full) : full_(full) {}
    int add(int descriptor, std::uint32_t events, std::uint64_t data) noexcept override {
        return full_ ? -ENOSPC : of_machine_->add(descriptor, events, data);
    }
    int modify(int descriptor, std::uint32_t events, std::uint64_t data) noexcept override {
        return full_ ? -ENOSPC : of_machine_->modify(descriptor, events, data);
    }
    void remove(int descriptor) noexcept override { of_machine_->remove(descriptor); }
    int descriptor() const noexcept override { return of_machine_->descriptor(); }
    int wait(std::span<epoll_event> into, std::int64_t nanoseconds) noexcept override {
        return of_machine_->wait(into, nanoseconds);
    }

private:
    bool& full_;
    std::unique_ptr<io::poller> of_machine_ = io::open_poller();
};

TEST(EpollCalls, ASocketThatTheKernelDoesNotWatchIsToldAtOnce) {
    bool full = false;
    io::epoll_loop on({}, io::kernel::machine(), std::make_unique<full_poller>(full), clock::now());
    const auto story = [](loop& here, bool& now_full) -> task<> {
        const pair both = co_await make_pair_of(here);
        now_full = true;
        EXPECT_EQ(co_await send_all(here, both.client, "?"), 0);
        receiving some(here, both.server);
        EXPECT_EQ(co_await some, -ENOSPC);
        now_full = false;
        EXPECT_EQ(co_await receive_exactly(here, both.server, 1), "?");
        close_both(here, both);
    };
    on.run(story(on, full));
}

}  // namespace
}  // namespace aperto::seam
