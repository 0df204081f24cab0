// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace aperto::cli {

/// How often a value fell below each of some bounds, as Prometheus counts it. Any thread.
class bucket_counts {
public:
    /// Seconds. From a machine's own network to a satellite's, from a question to a day.
    static constexpr std::array bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,  0.01,
                                       0.025,  0.05,    0.1,    0.25,  0.5,    1.0,    2.5,
                                       5.0,    10.0,    60.0,   600.0, 3600.0, 86400.0};
    void add(double seconds, std::uint64_t times = 1) noexcept;
    /// Values at most `bounds[which]`, or all of them past the last.
    std::uint64_t up_to(std::size_t which) const noexcept;
    /// Which of them a value falls into; past the last bound: their number.
    static std::size_t bucket_of(double seconds) noexcept {
        return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), seconds) -
                                        bounds.begin());
    }
    double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

private:
    std::array<std::atomic<std::uint64_t>, bounds.size() + 1> counts_{};
    std::atomic<double> sum_ = 0;
};

}  // namespace aperto::cli
