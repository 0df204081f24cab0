// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/journal.hpp"
#include "aperto/server.hpp"
#include "cli/admin/observer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aperto::cli {

/// The text that Prometheus has read since its beginning (0.0.4), and the standard that came of it
/// (OpenMetrics 1.0.0).
enum class metrics_format : std::uint8_t { prometheus, openmetrics };
std::string_view content_type(metrics_format format) noexcept;

struct metrics_sources {
    const observer& seen;
    const server& watched;
    const journal* book;  ///< null: none
    bool ready;
};
/// Everything that is measured, now.
std::string write_metrics(metrics_format format, const metrics_sources& from);

/// A figure of /proc/net/netstat, as "TcpExt", "ListenOverflows"; empty where it is not there.
std::optional<std::uint64_t> netstat_figure(std::string_view table, std::string_view group,
                                            std::string_view name);

}  // namespace aperto::cli
