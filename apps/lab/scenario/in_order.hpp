// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario/scenario.hpp"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace aperto::lab {

/// Hands packets on in the order they entered, however they left.
class in_order {
public:
    explicit in_order(const run_watcher& watcher) : watcher_(watcher) {}

    void take(std::vector<seen_packet>& fresh) {
        for (auto& one : fresh) {
            if (one.what.number == next_ && waiting_.empty()) {
                watcher_.packet(one);
                ++next_;
            } else {
                const auto number = one.what.number;
                waiting_.emplace(number, std::move(one));
            }
        }
        while (!waiting_.empty() && waiting_.begin()->first == next_) {
            watcher_.packet(waiting_.begin()->second);
            waiting_.erase(waiting_.begin());
            ++next_;
        }
        fresh.clear();
    }

    void finish() {
        for (const auto& [number, one] : waiting_) {
            watcher_.packet(one);
        }
        waiting_.clear();
    }

private:
    const run_watcher& watcher_;
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, seen_packet> waiting_;
};

}  // namespace aperto::lab
