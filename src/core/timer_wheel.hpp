// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/timer.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace aperto {

/// Timers in a hierarchy of wheels: setting and clearing one is O(1), whatever their number (Varghese and
/// Lauck, "Hashed and Hierarchical Timing Wheels", 1987).
///
/// A tick is a millisecond. Level 0 has a slot a tick, 64 of them; each level above has 64 slots of 64 times
/// the width below. A timer waits at the lowest level whose span reaches it and moves down as its time comes
/// near, at most once a level. Seven levels span 2^42 ms, 139 years from tick 0: a later timer is set to that
/// end.
class timer_wheel {
public:
    static constexpr unsigned slot_bits = 6;
    static constexpr unsigned slots = 1U << slot_bits;
    static constexpr unsigned levels = 7;
    static constexpr std::uint64_t tick_max = (std::uint64_t{1} << (slot_bits * levels)) - 1;

    /// `now` in ticks.
    explicit timer_wheel(std::uint64_t now) noexcept : now_(now) {}

    /// Sets `alarm` to fire when the time has reached `tick`; if that has passed, at the next `advance`. A
    /// timer already set is moved.
    void set(timer& alarm, std::uint64_t tick) noexcept;
    void clear(timer& alarm) noexcept;

    /// Moves the time to `now` and takes out every timer that is due, in the order of their ticks. Call
    /// `pop_due` and `fire` until there is none: an action may set and clear any timer, also those due. One
    /// that it sets, even to a time that has passed, is due at the next `advance`.
    void advance(std::uint64_t now) noexcept;
    timer* pop_due() noexcept;
    static void fire(timer& alarm) { alarm.fire_(alarm); }

    /// The tick by which `advance` must be called for no timer to be late; it may be early, by what a timer
    /// still has to move down. Empty when no timer is set.
    std::optional<std::uint64_t> next() const noexcept;

    std::uint64_t now() const noexcept { return now_; }
    /// How many timers are set. O(n): for tests and tallies.
    std::size_t count() noexcept;

private:
    using bucket = list<timer, timer_hook>;
    struct wheel {
        std::uint64_t occupied = 0;  ///< a bit a slot that may hold timers; cleared lazily
        std::array<bucket, slots> buckets;
    };

    void place(timer& alarm) noexcept;
    void settle(bucket& reached) noexcept;
    struct slot_position {
        unsigned level;
        unsigned slot;
        std::uint64_t start;  ///< its first tick
    };
    std::optional<slot_position> first_in_use() const noexcept;

    std::uint64_t now_;
    mutable std::array<wheel, levels> wheels_;
    bucket due_;     ///< at the next `advance`
    bucket firing_;  ///< since the last one
};

}  // namespace aperto
