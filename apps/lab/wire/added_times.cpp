// SPDX-License-Identifier: MIT
#include "lab/wire/wire.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace aperto::lab {

// Buckets double every 16: 2^(1/16) is 4.4 %.

void added_times::add(duration one) noexcept {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(one.count(), 1));
    const auto doubling = static_cast<std::size_t>(std::bit_width(value) - 1);
    const auto within = static_cast<double>(value) / static_cast<double>(std::uint64_t{1} << doubling) - 1;
    const auto place =
        doubling * buckets_per_doubling + static_cast<std::size_t>(within * buckets_per_doubling);
    ++buckets_[std::min(place, buckets_.size() - 1)];
    ++count_;
}

duration added_times::quantile(double share) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        seen += buckets_[i];
        if (seen >= wanted && seen > 0) {
            const auto base = static_cast<double>(std::uint64_t{1} << (i / buckets_per_doubling));
            const auto part = (static_cast<double>(i % buckets_per_doubling) + 0.5) / buckets_per_doubling;
            return duration(std::llround(base * (1 + part)));
        }
    }
    return {};
}

}  // namespace aperto::lab
