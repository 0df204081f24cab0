// SPDX-License-Identifier: MIT
// Signals that are sent to this very process: each test leaves it as it found it.
#include "core/signal_set.hpp"

#include "core/signal_watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <thread>

namespace aperto {
namespace {

void send_self(int signal) { ASSERT_EQ(::kill(::getpid(), signal), 0); }

bool becomes_readable(const signal_set& signals) {
    pollfd wait{signals.descriptor(), POLLIN, 0};
    constexpr int patience_ms = 10'000;
    while (::poll(&wait, 1, patience_ms) < 0) {
    }
    return wait.revents != 0;
}

struct sigaction action_of(int signal) {
    struct sigaction now{};
    ::sigaction(signal, nullptr, &now);
    return now;
}

/// A thread that was there before, and takes every signal.
class bystander {
public:
    ~bystander() {
        over_.set_value();
        thread_.join();
    }

private:
    std::promise<void> over_;
    std::thread thread_{[told = over_.get_future()]() mutable { told.wait(); }};
};

TEST(SignalSet, ASignalComesToItAndEndsNobodyThoughAThreadWasThereBefore) {
    const bystander other;
    signal_set signals({.ending = {SIGINT, SIGTERM}});
    EXPECT_EQ(signals.take(), 0);
    EXPECT_FALSE(signals.asked_to_end());
    send_self(SIGTERM);
    EXPECT_TRUE(becomes_readable(signals));
    EXPECT_TRUE(signals.asked_to_end());
    EXPECT_EQ(signals.take(), SIGTERM);
    EXPECT_EQ(signals.take(), 0);
}

TEST(SignalSet, WhatIsIgnoredStaysIgnoredAndTheRestComesBack) {
    struct sigaction before{};
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignore, &before);
    {
        signal_set signals({.ending = {SIGINT, SIGTERM}});
        EXPECT_EQ(action_of(SIGINT).sa_handler, SIG_IGN);
        EXPECT_NE(action_of(SIGTERM).sa_handler, SIG_DFL);
        send_self(SIGINT);
        EXPECT_EQ(signals.take(), 0);
        EXPECT_FALSE(signals.asked_to_end());
    }
    EXPECT_EQ(action_of(SIGINT).sa_handler, SIG_IGN);
    EXPECT_EQ(action_of(SIGTERM).sa_handler, SIG_DFL);
    ::sigaction(SIGINT, &before, nullptr);
}

TEST(SignalSet, WhatIsOnlyNotedMayComeAgainAndAgain) {
    signal_set signals({.ending = {SIGTERM}, .noted = {SIGHUP, SIGUSR1, SIGUSR2}});
    for (const int each : {SIGUSR2, SIGHUP, SIGUSR1, SIGUSR2}) {
        send_self(each);
        EXPECT_TRUE(becomes_readable(signals));
        EXPECT_EQ(signals.take(), each);
    }
    EXPECT_FALSE(signals.asked_to_end());
}

TEST(SignalSet, EachOfTwoGetsWhatItAskedFor) {
    signal_set one({.ending = {SIGTERM}});
    {
        signal_set other({.ending = {SIGTERM}, .noted = {SIGHUP}});
        send_self(SIGHUP);
        EXPECT_EQ(one.take(), 0);
        EXPECT_EQ(other.take(), SIGHUP);
    }
    send_self(SIGTERM);
    EXPECT_EQ(one.take(), SIGTERM);
}

TEST(SignalSet, StandsWithOthersWhereItHasTheDescriptorOfTheInput) {
    const int input = ::dup(STDIN_FILENO);
    ::close(STDIN_FILENO);  // as a service may be started
    {
        signal_set first({.ending = {}, .noted = {SIGUSR1}});
        signal_set second({.ending = {}, .noted = {SIGUSR1}});
        EXPECT_EQ(first.descriptor(), STDIN_FILENO);
        EXPECT_NE(second.descriptor(), first.descriptor());
        send_self(SIGUSR1);
        EXPECT_EQ(first.take(), SIGUSR1);
        EXPECT_EQ(second.take(), SIGUSR1);
    }
    if (input >= 0) {
        ::dup2(input, STDIN_FILENO);
        ::close(input);
    }
}

TEST(SignalSetDeathTest, TheSecondEndsTheProgramAtOnce) {
    const auto twice = [](int exit_code) {
        signal_set signals({.ending = {SIGINT, SIGTERM}, .exit_code = exit_code});
        send_self(SIGINT);
        send_self(SIGTERM);
        ::_exit(1);  // not reached
    };
    EXPECT_EXIT(twice(0), testing::KilledBySignal(SIGTERM), "");
    EXPECT_EXIT(twice(130), testing::ExitedWithCode(130), "");
}

TEST(SignalWatch, CallsForEachSignalAlsoForThoseThatCameBefore) {
    signal_set signals({.ending = {SIGTERM}, .noted = {SIGUSR1}});
    send_self(SIGUSR1);
    std::atomic<int> noted = 0;
    std::promise<int> ended;
    const signal_watch watch(signals, [&](int signal) {
        if (signal == SIGUSR1)
            ++noted;
        else
            ended.set_value(signal);
    });
    while (noted < 1)
        std::this_thread::yield();
    send_self(SIGTERM);
    EXPECT_EQ(ended.get_future().get(), SIGTERM);
    EXPECT_EQ(noted, 1);
}

}  // namespace
}  // namespace aperto
