// SPDX-License-Identifier: MIT
#include "load/histogram.hpp"

#include <cmath>

namespace aperto::load {
namespace {

constexpr double ns_per_ms = 1e6;

}  // namespace

void histogram::merge(const histogram& other) noexcept {
    for (std::size_t i = 0; i < bucket_count; ++i) {
        counts_[i] += other.counts_[i];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

void histogram::reset() noexcept {
    std::fill(counts_.begin(), counts_.end(), 0);
    count_ = 0;
    sum_ = 0;
    min_ = UINT64_MAX;
    max_ = 0;
}

double histogram::mean() const noexcept {
    return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

// The inverse of index_of: the last value that falls into the part.
std::uint64_t histogram::highest_at(std::size_t index) noexcept {
    const std::size_t power = index / half_parts;
    if (power < 2) return index;
    const std::size_t shift = power - 1;
    const std::uint64_t part = half_parts + index % half_parts;
    return ((part + 1) << shift) - 1;
}

std::int64_t histogram::at_percentile(double percentile) const noexcept {
    if (count_ == 0) return 0;
    const double share = std::clamp(percentile, 0.0, 100.0) / 100.0;
    // 99.9 % of 1000 is 999, also where binary fractions make it a hair more.
    const double exact = std::ceil(share * static_cast<double>(count_) - 1e-6);
    const auto wanted = static_cast<std::uint64_t>(std::max(1.0, exact));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
        seen += counts_[i];
        if (seen >= wanted) return static_cast<std::int64_t>(std::min(highest_at(i), max_));
    }
    return max();
}

bool histogram::write(std::FILE* to) const {
    std::fprintf(to, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    std::uint64_t seen = 0;
    // A line each time a tenth of what is left has passed: dense where the tail is.
    double next = 0.0;
    for (std::size_t i = 0; i < bucket_count && seen < count_; ++i) {
        if (counts_[i] == 0) continue;
        seen += counts_[i];
        const double reached = static_cast<double>(seen) / static_cast<double>(count_);
        if (reached < next) continue;
        const double value_ms = static_cast<double>(std::min(highest_at(i), max_)) / ns_per_ms;
        if (seen == count_) {
            std::fprintf(to, "%12.6f %2.12f %10llu\n", value_ms, 1.0, static_cast<unsigned long long>(seen));
        } else {
            std::fprintf(to, "%12.6f %2.12f %10llu %14.2f\n", value_ms, reached,
                         static_cast<unsigned long long>(seen), 1.0 / (1.0 - reached));
        }
        next = reached + (1.0 - reached) / 10.0;
    }
    std::fprintf(to, "#[Mean    = %12.6f, Max          = %12.6f]\n#[Total count = %12llu]\n",
                 mean() / ns_per_ms, static_cast<double>(max_) / ns_per_ms,
                 static_cast<unsigned long long>(count_));
    return std::fflush(to) == 0 && std::ferror(to) == 0;
}

}  // namespace aperto::load
