// SPDX-License-Identifier: MIT
// A loop's clocks and timers, and the deadlines that are kept by them.
#include "aperto/backend.hpp"
#include "core/timer_wheel.hpp"

#include <algorithm>
#include <ctime>

namespace aperto {

time_point backend::read_clock() const noexcept { return clock::now(); }

std::uint64_t backend::tick_at(time_point when) const noexcept {
    using std::chrono::milliseconds;
    // Rounded up, so that no wait ends early.
    const auto ticks = std::chrono::ceil<milliseconds>(std::max(when, epoch_) - epoch_).count();
    return static_cast<std::uint64_t>(ticks);
}

time_point backend::next_timer() const noexcept {
    const std::optional<std::uint64_t> tick = timers_->next();
    if (!tick) return time_point::max();
    return epoch_ + std::chrono::milliseconds(*tick);
}

void backend::arm(timer& alarm, time_point when) noexcept {
    timers_->set(alarm, tick_at(when));
    wake_host();
}
void backend::disarm(timer& alarm) noexcept { timers_->clear(alarm); }

time_point backend::read_now_coarsely() noexcept {
    if (which() == engine::simulated) return now_;
    timespec coarse{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
    const auto since_boot = std::chrono::seconds(coarse.tv_sec) + std::chrono::nanoseconds(coarse.tv_nsec);
    now_ = std::max(now_, time_point(since_boot));
    return now_;
}

duration backend::lateness(const timer& firing) const noexcept {
    return now_ - (epoch_ + std::chrono::milliseconds(firing.tick()));
}

void deadline::set(backend& on, time_point when) noexcept {
    put_off_count_ = 0;
    on.arm(*this, std::max(when, on.now()));
}

bool deadline::put_off(backend& on) noexcept {
    // Less is how timers are kept: rounded up to the millisecond, and fired at the end of a turn.
    constexpr duration late_min = std::chrono::milliseconds(2);
    // By then everything that had come is read, or the loop is late again.
    constexpr duration put_off_max = std::chrono::seconds(1);
    // A loop whose every turn is long keeps nobody for ever.
    constexpr std::uint8_t put_off_count_max = 32;
    const duration late = on.lateness(*this);
    if (late < late_min || put_off_count_ == put_off_count_max) return false;
    ++put_off_count_;
    on.arm(*this, on.now() + std::min(late, put_off_max));
    return true;
}

/// What was due when it began: a timer that is set meanwhile waits for the next turn, whatever its time, lest
/// the turn never end.
void backend::fire_timers() {
    const auto elapsed = std::chrono::floor<std::chrono::milliseconds>(now_ - epoch_).count();
    timers_->advance(static_cast<std::uint64_t>(elapsed));
    while (timer* due = timers_->pop_due())
        timer_wheel::fire(*due);
}

}  // namespace aperto
