// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace aperto::load {

/// Counts of durations, from 1 ns to over an hour, each kept to better than one part in 512.
///
/// Log-linear, as Gil Tene's HdrHistogram: each power of two is cut into 512 equal parts, so recording is a
/// shift and an addition, and no tail is lost to averaging. About 140 KB. One thread.
class histogram {
public:
    histogram() : counts_(bucket_count, 0) {}

    /// Values below 0 count as 0, values past the range as the largest one.
    void record(std::int64_t value_ns) noexcept {
        const auto value = static_cast<std::uint64_t>(std::clamp<std::int64_t>(value_ns, 0, value_max));
        ++counts_[index_of(value)];
        ++count_;
        sum_ += value;
        min_ = std::min(min_, value);
        max_ = std::max(max_, value);
    }
    void merge(const histogram& other) noexcept;
    void reset() noexcept;

    std::uint64_t count() const noexcept { return count_; }
    /// 0 where nothing was recorded.
    std::int64_t min() const noexcept { return count_ == 0 ? 0 : static_cast<std::int64_t>(min_); }
    std::int64_t max() const noexcept { return static_cast<std::int64_t>(max_); }
    double mean() const noexcept;

    /// The value that `percentile` (0 to 100) of what was recorded does not exceed: the top of its part, and
    /// never more than the largest value seen. 0 where nothing was recorded.
    std::int64_t at_percentile(double percentile) const noexcept;

    /// Writes the percentile distribution as text in the form of HdrHistogram's
    /// `outputPercentileDistribution`, in milliseconds, which its plotters read. Returns false when the file
    /// could not be written.
    bool write(std::FILE* to) const;

private:
    static constexpr unsigned part_bits = 10;
    static constexpr std::uint64_t half_parts = 1U << (part_bits - 1);
    static constexpr unsigned value_bits = 42;
    static constexpr std::int64_t value_max = (std::int64_t{1} << value_bits) - 1;
    static constexpr std::size_t bucket_count = (value_bits - part_bits + 2) * half_parts;

    static std::size_t index_of(std::uint64_t value) noexcept {
        const auto width = static_cast<unsigned>(std::bit_width(value));
        const unsigned shift = width > part_bits ? width - part_bits : 0;
        return shift * half_parts + (value >> shift);
    }
    static std::uint64_t highest_at(std::size_t index) noexcept;

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t min_ = UINT64_MAX;
    std::uint64_t max_ = 0;
};

}  // namespace aperto::load
