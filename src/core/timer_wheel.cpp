// SPDX-License-Identifier: MIT
#include "core/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace aperto {

void timer_wheel::set(timer& alarm, std::uint64_t tick) noexcept {
    alarm.unlink();
    alarm.tick_ = std::min(tick, tick_max) & tick_max;  // which says its width
    place(alarm);
}

void timer_wheel::clear(timer& alarm) noexcept { alarm.unlink(); }

void timer_wheel::place(timer& alarm) noexcept {
    if (alarm.tick_ <= now_) return due_.push_back(alarm);
    // The highest bit in which the two times differ says how far up the timer has to wait. All of a level's
    // timers are therefore in slots ahead of the present one, and an earlier level's are always sooner.
    const unsigned highest = static_cast<unsigned>(std::bit_width(alarm.tick() ^ now_)) - 1;
    const unsigned level = highest / slot_bits;
    const unsigned slot = static_cast<unsigned>(alarm.tick_ >> (level * slot_bits)) % slots;
    wheels_[level].buckets[slot].push_back(alarm);
    wheels_[level].occupied |= std::uint64_t{1} << slot;
}

std::optional<timer_wheel::slot_position> timer_wheel::first_in_use() const noexcept {
    for (unsigned level = 0; level < levels; ++level) {
        wheel& at = wheels_[level];
        while (at.occupied) {
            const unsigned slot = static_cast<unsigned>(std::countr_zero(at.occupied));
            if (at.buckets[slot].empty()) {
                at.occupied &= at.occupied - 1;  // its timers were cleared
                continue;
            }
            const unsigned shift = level * slot_bits;
            const std::uint64_t window = now_ >> shift >> slot_bits << slot_bits << shift;
            return slot_position{level, slot, window | (std::uint64_t{slot} << shift)};
        }
    }
    return std::nullopt;
}

void timer_wheel::settle(bucket& reached) noexcept {
    while (!reached.empty())
        place(reached.pop_front());
}

void timer_wheel::advance(std::uint64_t now) noexcept {
    while (const std::optional<slot_position> next = first_in_use()) {
        if (next->start > now) break;
        now_ = next->start;
        wheel& at = wheels_[next->level];
        at.occupied &= ~(std::uint64_t{1} << next->slot);
        settle(at.buckets[next->slot]);
    }
    now_ = std::max(now_, now);
    firing_.splice_back(due_);
}

timer* timer_wheel::pop_due() noexcept { return firing_.empty() ? nullptr : &firing_.pop_front(); }

std::optional<std::uint64_t> timer_wheel::next() const noexcept {
    if (!due_.empty() || !firing_.empty()) return now_;
    const std::optional<slot_position> first = first_in_use();
    if (!first) return std::nullopt;
    return first->start;
}

std::size_t timer_wheel::count() noexcept {
    std::size_t set = 0;
    const auto tally = [&set](bucket& each) { each.for_each([&set](timer&) { ++set; }); };
    for (wheel& at : wheels_)
        for (bucket& each : at.buckets)
            tally(each);
    tally(due_);
    tally(firing_);
    return set;
}

}  // namespace aperto
