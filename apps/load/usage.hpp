// SPDX-License-Identifier: MIT
#pragma once

#include <time.h>

#include <cstdint>
#include <optional>

namespace aperto::load {

/// CLOCK_MONOTONIC in nanoseconds.
inline std::int64_t now_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

/// What the calling thread has used up to now.
struct own_usage {
    std::int64_t cpu_ns = 0;
    /// Ready to run while another process had the core (Documentation/scheduler/sched-stats.rst); 0 where not
    /// told.
    std::int64_t waited_ns = 0;

    static own_usage read() noexcept;
};

/// The CPU and the memory of another process, from the kernel's own accounting.
class process_usage {
public:
    /// Throws `error` when there is no such process.
    explicit process_usage(int pid);

    /// User and system time of all its threads, ended ones too (clock_getcpuclockid(3)). -1 once it is gone.
    std::int64_t cpu_ns() const noexcept;

    struct memory {
        std::uint64_t resident = 0;       ///< bytes now, VmRSS
        std::uint64_t resident_most = 0;  ///< bytes at most so far, VmHWM
    };
    /// Empty once it is gone.
    std::optional<memory> read_memory() const;

private:
    int pid_;
    clockid_t clock_{};
};

}  // namespace aperto::load
