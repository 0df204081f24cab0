// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/message_record.hpp"
#include "cli/admin/bucket_counts.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace aperto::cli {

/// One object, without a line feed: what `/messages` and the log say of a message. Times in microseconds.
std::string message_json(const message_record& of);

/// Where the time of the messages went that were picked (`--trace-messages`): the latest of them, and all in sum. Any
/// thread.
class message_times {
public:
    /// So many of the latest are kept.
    static constexpr std::size_t kept_max = 1000;

    void add(const message_record& one);
    /// What `/messages` answers: those that are kept, the oldest first, one a line, and how many there were in all.
    std::string json() const;

    /// Of a bucket of a part's histogram: the latest message that fell into it.
    struct exemplar {
        std::uint64_t connection = 0;  ///< 0: none did
        std::uint64_t message = 0;
        double seconds = 0;
        double when = 0;  ///< seconds since 1970
    };
    using exemplars = std::array<exemplar, bucket_counts::bounds.size() + 1>;
    struct part {
        bucket_counts times;
        exemplars latest;  ///< guarded
    };
    const bucket_counts& of(message_part which) const noexcept { return at(which).times; }
    exemplars latest_of(message_part which) const;

private:
    const part& at(message_part which) const noexcept { return parts_[static_cast<std::size_t>(which)]; }

    mutable std::mutex mutex_;
    std::deque<message_record> kept_;
    std::uint64_t count_ = 0;
    std::array<part, message_part_count> parts_;
};

}  // namespace aperto::cli
