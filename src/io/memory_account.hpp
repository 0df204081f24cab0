// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <cstddef>

namespace aperto {

/// What the buffers of a loop's connections hold in all, and what they may: each connection charges the
/// memory of its incomplete message and of its unsent replies, when that changes. Past the budget the owner
/// is told, at the end of the turn. One loop's thread; kept alive by the options of the connections it
/// counts.
class memory_account : public turn_hook {
public:
    memory_account(std::size_t budget, action over) noexcept : turn_hook(over), budget_(budget) {}

    void change(std::size_t before, std::size_t now, loop& on) noexcept {
        used_ = used_ - before + now;
        if (now > before && used_ > budget_ && !linked()) on.at_turn_end(*this);
    }
    std::size_t used() const noexcept { return used_; }
    std::size_t budget() const noexcept { return budget_; }
    /// Where more is used already, the owner is told when a connection next holds more than before.
    void set_budget(std::size_t bytes) noexcept { budget_ = bytes; }

private:
    std::size_t used_ = 0;
    std::size_t budget_;
};

}  // namespace aperto
