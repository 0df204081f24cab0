// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "lab/analysis/quantity.hpp"

#include <atomic>
#include <functional>
#include <thread>

namespace aperto::lab {

/// Calls a function at moments of CLOCK_MONOTONIC, on a thread of its own. Neither waiting nor waking reads the clock:
/// in virtual time, where each reading takes a moment, it changes nothing in a run.
class alarm {
public:
    /// `ring` gets the moment that it was called for.
    explicit alarm(std::function<void(duration moment)> ring);
    ~alarm();
    alarm(const alarm&) = delete;
    alarm& operator=(const alarm&) = delete;

    /// At `moment`, at once if that is past, and then `every` so long, moments that were missed left out; 0: once. To be
    /// called once. Any thread.
    void set(duration moment, duration every);

private:
    void run();

    std::function<void(duration)> ring_;
    // Written before the timer is set, which no tool for races sees.
    std::atomic<duration> moment_{};
    std::atomic<duration> every_{};
    descriptor timer_;
    descriptor stop_;
    std::thread thread_;
};

}  // namespace aperto::lab
