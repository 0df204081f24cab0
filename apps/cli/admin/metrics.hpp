// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "aperto/journal.hpp"
#include "aperto/server.hpp"
#include "aperto/tls.hpp"
#include "cli/admin/observer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

class report;

/// The text that Prometheus has read since its beginning (0.0.4), and the standard that came of it
/// (OpenMetrics 1.0.0).
enum class metrics_format : std::uint8_t { prometheus, openmetrics };
std::string_view content_type(metrics_format format) noexcept;

/// What /proc has of this process, opened ahead: a confined server opens nothing any more. One thread.
class process_files {
public:
    process_files();
    std::string netstat() const { return read(netstat_); }
    std::string statm() const { return read(statm_); }
    /// Descriptors in use.
    std::uint64_t count_descriptors() const;

private:
    static std::string read(const descriptor& from);
    descriptor netstat_;
    descriptor statm_;
    descriptor descriptors_;
};

struct metrics_sources {
    const observer& seen;
    const server& watched;
    const std::vector<worker_load>& loads;  ///< of the workers that answered
    const journal* book;                    ///< null: none
    const tls::context* sealed;             ///< null: no TLS
    const process_files& process;
    bool ready;
    const report& told;
};
/// Everything that is measured, now.
std::string write_metrics(metrics_format format, const metrics_sources& from);

/// A figure of /proc/net/netstat, as "TcpExt", "ListenOverflows"; empty where it is not there.
std::optional<std::uint64_t> netstat_figure(std::string_view table, std::string_view group,
                                            std::string_view name);

}  // namespace aperto::cli
