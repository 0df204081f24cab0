// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/list.hpp"
#include "aperto/time.hpp"

#include <cstdint>

namespace aperto {

class backend;

struct timer_hook : list_hook {};

/// A point in time at which a function of yours is called on the loop's thread: `backend::arm`, `backend::disarm`.
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
    friend class deadline;
    action fire_;
    std::uint64_t tick_ : 56 = 0;          ///< at most timer_wheel::tick_max
    std::uint64_t put_off_count_ : 8 = 0;  ///< a deadline's; here, where it costs it nothing
};

/// A timer for what somebody else has to do in time. Only time in which the loop could have noticed counts:
/// where the loop comes late itself, since its process was stopped or a handler took long, what had come in
/// time may still wait in the kernel, and is looked at first.
class deadline : public timer {
public:
    using timer::timer;
    /// A time that has passed is now.
    void set(backend& on, time_point when) noexcept;
    /// To be asked by the action: true where the loop came late, and the deadline is set anew: by as much as
    /// that was, a second at most.
    bool put_off(backend& on) noexcept;
};

}  // namespace aperto
