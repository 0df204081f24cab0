// SPDX-License-Identifier: MIT
#include "server/accept_pace.hpp"

#include "core/split_mix.hpp"

#include <algorithm>
#include <cstring>

namespace aperto {

source_key source_key::of(const endpoint& who) noexcept {
    source_key key;
    std::memcpy(&key.high, who.bytes().data(), sizeof key.high);
    if (who.family() == AF_INET) std::memcpy(&key.low, who.bytes().data() + sizeof key.high, sizeof key.low);
    return key;
}

std::size_t source_key::hash::operator()(const source_key& key) const noexcept {
    const std::uint64_t first = split_mix(seed ^ key.high)();
    return static_cast<std::size_t>(split_mix(first ^ key.low)());
}

accept_pace::accept_pace(double per_second, std::uint64_t seed)
    : hash_{seed}, per_second_(per_second), tokens_max_(std::max(1.0, per_second)), sets_(sets) {}

double accept_pace::tokens_at(const bucket& of, time_point now) const noexcept {
    const double passed = std::chrono::duration<double>(now - of.filled).count();
    // Workers read their own clocks: time may seem to step back between two of them.
    return std::clamp(of.tokens + std::max(0.0, passed) * per_second_, 0.0, tokens_max_);
}

bool accept_pace::take(const source_key& who, time_point now) noexcept {
    auto& set = sets_[hash_(who) % sets];
    bucket* fullest = set.data();
    for (bucket& each : set) {
        if (each.tokens >= 0 && each.who == who) {
            each.tokens = tokens_at(each, now);
            each.filled = std::max(each.filled, now);
            if (each.tokens < 1) return false;
            each.tokens -= 1;
            return true;
        }
        const bool fuller = fullest->tokens >= 0 && tokens_at(each, now) > tokens_at(*fullest, now);
        if (each.tokens < 0 || fuller) fullest = &each;
    }
    *fullest = {.who = who, .tokens = tokens_max_ - 1, .filled = now};
    return true;
}

}  // namespace aperto
