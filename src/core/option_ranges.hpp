// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"

#include <cstddef>
#include <limits>

/// What the options of servers, clients and streams may be; their checks and the program's options hold to
/// it.
namespace aperto::ranges {

inline constexpr unsigned workers_most = 1024;
inline constexpr std::size_t connections_most = 10'000'000;
inline constexpr double accept_rate_most = 10'000'000;
inline constexpr unsigned rounds_most = 1'000'000;
inline constexpr int backlog_least = 1;
inline constexpr int backlog_most = std::numeric_limits<int>::max();
inline constexpr std::size_t max_message_least = 1;
inline constexpr std::size_t high_water_least = 1;  ///< with none, nothing would ever be sent
inline constexpr unsigned in_flight_most = 65'536;
inline constexpr std::size_t memory_budget_least = std::size_t{64} * 1024;
/// Past 2^53 bytes a number with decimals, as "1.5MiB", no longer tells one byte from the next.
inline constexpr std::size_t size_most = std::size_t{1} << 53;
inline constexpr duration time_least = std::chrono::microseconds(1);
/// For ever, to a connection; and it keeps sums of time points from overflowing.
inline constexpr duration time_most = std::chrono::hours(100 * 365 * 24);

}  // namespace aperto::ranges
