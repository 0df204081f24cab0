// SPDX-License-Identifier: MIT
#include "lab/analysis/rto.hpp"

#include <algorithm>

namespace aperto::lab {

using namespace std::chrono_literals;

void rto_estimator::sample(duration round_trip) {
    last_ = round_trip;
    if (samples_++ == 0) {
        srtt_ = round_trip;
        rttvar_ = round_trip / 2;
        return;
    }
    const auto off = srtt_ > round_trip ? srtt_ - round_trip : round_trip - srtt_;
    rttvar_ = (3 * rttvar_ + off) / 4;
    srtt_ = (7 * srtt_ + round_trip) / 8;
}

duration rto_estimator::rto() const noexcept {
    constexpr duration before_first_sample = 1s;
    constexpr duration granularity = 1ms;
    return has_sample() ? srtt_ + std::max(granularity, 4 * rttvar_) : before_first_sample;
}

duration rto_estimator::rto_linux() const noexcept {
    constexpr duration before_first_sample = 1s;
    return has_sample() ? srtt_ + std::max(minimum_, 4 * rttvar_) : before_first_sample;
}

}  // namespace aperto::lab
