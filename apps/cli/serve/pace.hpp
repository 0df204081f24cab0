// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"

#include <atomic>
#include <cstdint>

namespace aperto::cli {

/// Tells when lines come faster than their reader follows: they pass one by one at first; past `burst` lines
/// ahead of `per_second`, none passes until `settle` has seen a calm second. Any thread; a refusal costs one
/// atomic read.
class pace {
public:
    /// Ten lines a second is about what the eye follows; a screenful may come at once.
    static constexpr std::int64_t per_second = 10;
    static constexpr std::int64_t burst = 24;
    /// What a program that reads a log, and the disk under it, take without harm: 300 kB a second.
    static constexpr std::int64_t per_second_of_program = 1000;
    static constexpr std::int64_t burst_of_program = 10'000;

    explicit pace(std::int64_t lines_per_second = per_second, std::int64_t lines_at_once = burst) noexcept
        : line_ns_(1'000'000'000 / lines_per_second), per_second_(lines_per_second), burst_(lines_at_once) {}

    /// True where the line is to be shown. False: count it, and call `settle` a second later.
    bool admit(time_point now) noexcept;
    /// True while no line passes: then nobody need ask for the time.
    bool thinning() const noexcept { return thinning_.load(std::memory_order_relaxed); }
    /// Once a second while lines were held back: `held_back` in that second. True where lines are shown
    /// again.
    bool settle(std::uint64_t held_back) noexcept;

private:
    const std::int64_t line_ns_;
    const std::int64_t per_second_;
    const std::int64_t burst_;
    std::atomic<bool> thinning_ = false;
    /// When the lines admitted so far would have been read, nanoseconds (a leaky bucket as one number).
    std::atomic<std::int64_t> read_at_ns_ = 0;
};

}  // namespace aperto::cli
