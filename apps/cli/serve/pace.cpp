// SPDX-License-Identifier: MIT
#include "cli/serve/pace.hpp"

#include <algorithm>

namespace aperto::cli {

bool pace::admit(time_point now) noexcept {
    if (thinning_.load(std::memory_order_relaxed)) return false;
    const std::int64_t now_ns = now.time_since_epoch().count();
    std::int64_t seen = read_at_ns_.load(std::memory_order_relaxed);
    while (true) {
        const std::int64_t from = std::max(seen, now_ns);
        if (from - now_ns >= burst_ * line_ns_) {
            thinning_.store(true, std::memory_order_relaxed);
            return false;
        }
        if (read_at_ns_.compare_exchange_weak(seen, from + line_ns_, std::memory_order_relaxed)) return true;
    }
}

bool pace::settle(std::uint64_t held_back) noexcept {
    if (held_back > static_cast<std::uint64_t>(per_second_)) return false;
    thinning_.store(false, std::memory_order_relaxed);
    return true;
}

}  // namespace aperto::cli
