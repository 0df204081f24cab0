// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace aperto::lab {

/// The packets of a run that say most: about twenty, chosen once it is over. Those that answer a question first, then
/// what is out of the ordinary, the first of its kind before its repetitions.
class short_ladder {
public:
    void add(const event& one);

    /// Packets that must be there, by their numbers.
    void want(const std::vector<std::uint64_t>& numbers) { wanted_.insert(numbers.begin(), numbers.end()); }

    /// In their order.
    std::vector<event> rows() const;
    std::uint64_t seen() const noexcept { return seen_; }

private:
    std::vector<event> kept_;
    std::set<std::uint64_t> wanted_;
    std::uint64_t seen_ = 0;
};

}  // namespace aperto::lab
