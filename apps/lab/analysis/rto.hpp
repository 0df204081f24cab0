// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"

#include <optional>

namespace aperto::lab {

/// The retransmission timer of RFC 6298, fed with the round trips the wire saw.
///
/// Two differences to the text, both Linux's too: no minimum of one second is applied here (`rto()` tells the
/// formula's own value; the reader sets it beside the kernel's, whose minimum is how the host is set), and
/// the clock granularity G is 1 ms.
class rto_estimator {
public:
    rto_estimator() = default;
    explicit rto_estimator(duration minimum) : minimum_(minimum) {}

    void sample(duration round_trip);

    bool has_sample() const noexcept { return samples_ != 0; }
    std::uint32_t samples() const noexcept { return samples_; }
    duration srtt() const noexcept { return srtt_; }
    duration rttvar() const noexcept { return rttvar_; }
    duration last() const noexcept { return last_; }
    /// SRTT + max(G, 4 RTTVAR); one second before the first sample.
    duration rto() const noexcept;
    /// As Linux computes it: the variance's share is at least the host's smallest timeout.
    duration rto_linux() const noexcept;

private:
    duration minimum_{};
    std::uint32_t samples_ = 0;
    duration srtt_{};
    duration rttvar_{};
    duration last_{};
};

}  // namespace aperto::lab
