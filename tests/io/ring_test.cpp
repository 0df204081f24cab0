// SPDX-License-Identifier: MIT
// The kernel's ring, as the engine uses it.
#include "io/ring.hpp"

#include "aperto/error.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace aperto::io {
namespace {

constexpr std::uint64_t readable = 1;
constexpr std::uint64_t nothing = 2;

class Ring : public testing::Test {
protected:
    void SetUp() override {
        try {
            on = open_ring();
        } catch (const error& refused) {
            GTEST_SKIP() << refused.what();
        }
        flag = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    ~Ring() override { ::close(flag); }

    void queue_poll() {
        io_uring_sqe* const entry = on->next_entry();
        io_uring_prep_poll_add(entry, flag, POLLIN);
        entry->user_data = readable;
    }
    void queue_nothing() {
        io_uring_sqe* const entry = on->next_entry();
        io_uring_prep_nop(entry);
        entry->user_data = nothing;
    }
    std::size_t taken(std::uint64_t user_data) {
        std::vector<ring::completion> all(64);
        all.resize(on->take(all));
        std::size_t count = 0;
        for (const ring::completion& each : all)
            count += each.user_data == user_data ? 1 : 0;
        return count;
    }

    std::unique_ptr<ring> on;
    int flag = -1;
};

TEST_F(Ring, TellsWhatBecameReadyThoughCompletionsWaitAlready) {
    // Else a turn that has completions by itself, as one of many sends does, never hears of a receive.
    queue_poll();
    ASSERT_EQ(on->submit(), 1);
    ASSERT_EQ(::eventfd_write(flag, 1), 0);
    for (int i = 0; i < 10; ++i)
        queue_nothing();
    ASSERT_EQ(on->submit(), 10);
    queue_nothing();
    EXPECT_GE(on->submit_and_wait(-1), 0);
    EXPECT_EQ(taken(readable), 1u);
    EXPECT_TRUE(on->is_drained());
}

TEST_F(Ring, WithdrawsWhatTheKernelHasNotTakenYet) {
    queue_nothing();
    queue_poll();
    EXPECT_TRUE(on->withdraw(readable));
    EXPECT_GE(on->submit_and_wait(0), 0);
    EXPECT_EQ(taken(readable), 1u) << "as one that does nothing it completes at once";
    EXPECT_FALSE(on->withdraw(readable));
}

TEST_F(Ring, EndsWhatIsCancelledAndTellsSo) {
    queue_poll();
    ASSERT_EQ(on->submit(), 1);
    on->cancel_now(readable);
    EXPECT_GE(on->run_task_work(), 0);
    EXPECT_EQ(taken(readable), 1u);
}

TEST_F(Ring, HasNoEntryWhereItsQueueIsFullAndHasAgainOnceItIsSubmitted) {
    std::size_t places = 0;
    while (io_uring_sqe* const entry = on->next_entry()) {
        io_uring_prep_nop(entry);
        ++places;
    }
    EXPECT_GE(places, 64u);
    EXPECT_EQ(on->not_submitted(), places);
    EXPECT_EQ(on->submit(), static_cast<int>(places));
    EXPECT_EQ(on->not_submitted(), 0u);
    EXPECT_FALSE(on->is_drained());
    EXPECT_NE(on->next_entry(), nullptr);
}

}  // namespace
}  // namespace aperto::io
