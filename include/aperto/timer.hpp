// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/list.hpp"
#include "aperto/time.hpp"

#include <cstdint>

namespace aperto {

struct timer_hook : list_hook {};

/// A point in time at which a function of yours is called on the loop's thread: `loop::arm`, `loop::disarm`.
/// Intrusive: setting and clearing it is O(1) and allocates nothing. Destroying it disarms it.
class timer : public timer_hook {
public:
    using action = void (*)(timer&);
    explicit timer(action fire) noexcept : fire_(fire) {}
    bool armed() const noexcept { return linked(); }
    /// Milliseconds of the loop's own time at which it fires.
    std::uint64_t tick() const noexcept { return tick_; }

private:
    friend class timer_wheel;
    action fire_;
    std::uint64_t tick_ = 0;
};

}  // namespace aperto
