// SPDX-License-Identifier: MIT
#include "lab/scenario/report.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace aperto::lab {

std::uint64_t run_report::lost() const {
    return std::accumulate(lost_by.begin(), lost_by.end(), std::uint64_t{0});
}

bool run_report::payload_intact() const {
    return std::all_of(flows.begin(), flows.end(), [](const flow& one) {
        return std::all_of(one.halves.begin(), one.halves.end(), [](const flow_half& half) {
            return half.written.digest() == half.arrived.digest() && half.arrived.waiting() == 0;
        });
    });
}

duration quantile(std::vector<duration> values, double share) {
    if (values.empty()) {
        return {};
    }
    const auto place = static_cast<std::size_t>(std::lround(share * static_cast<double>(values.size() - 1)));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place), values.end());
    return values[place];
}

namespace {

double rate_of(std::uint64_t bytes, duration took) {
    return bytes >= 2 && took.count() > 0
               ? static_cast<double>(bytes) * 8e9 / static_cast<double>(took.count())
               : 0;
}

}  // namespace

double goodput(const flow_half& half) {
    if (!half.first_data_sent || !half.last_data_arrived) {
        return 0;
    }
    return rate_of(half.arrived.bytes(), *half.last_data_arrived - *half.first_data_sent);
}

double goodput(const run_report& report, side from) {
    auto first = instant::max();
    instant last{};
    std::uint64_t bytes = 0;
    for (const auto& one : report.flows) {
        const auto& half = one.half(from);
        if (half.first_data_sent && half.last_data_arrived) {
            first = std::min(first, *half.first_data_sent);
            last = std::max(last, *half.last_data_arrived);
            bytes += half.arrived.bytes();
        }
    }
    return bytes == 0 ? 0 : rate_of(bytes, last - first);
}

std::optional<sampled_window> window_sampled(const run_report& report, side host, bool threshold,
                                             std::string_view which) {
    std::optional<sampled_window> out;
    for (const auto& one : report.socket_samples) {
        const auto segments = threshold ? one.what.slow_start_threshold : one.what.congestion_window;
        if (one.host != host || !one.what.has_info || segments == 0) {
            continue;
        }
        const bool better = !out || which == "last" || (which == "max" && segments > out->segments) ||
                            (which == "min" && segments < out->segments);
        if (better) {
            out = {segments, one.at};
        }
    }
    return out;
}

void end_windows(flow& connection, instant run_end) {
    const auto& halves = connection.halves;
    const bool over = halves[0].rst_sent || halves[1].rst_sent || (halves[0].fin_sent && halves[1].fin_sent);
    const auto end = over ? connection.last_seen : std::max(run_end, connection.last_seen);
    for (auto& half : connection.halves) {
        if (half.window_closed) {
            half.window_closed = false;
            half.time_closed += end - half.window_closed_at;
        }
    }
}

namespace {

resend_tally tally_of(const run_report& report, side host) {
    resend_tally out;
    for (const auto& one : report.flows) {
        const auto& tally = one.half(host).recovery.tally;
        out.all += tally.all;
        out.timeouts += tally.timeouts;
        out.fast += tally.fast;
        out.slow_start += tally.slow_start;
        out.syn += tally.syn;
        out.probes += tally.probes;
    }
    return out;
}

}  // namespace

std::vector<compared_count> compare_counts(const run_report& report) {
    std::vector<compared_count> out;
    for (const auto host : {side::client, side::server}) {
        const auto& readings = report.kernel[index(host)];
        const auto add = [&](const char* name, std::uint64_t wire, bool part_of = false) {
            const auto before = readings.at_start.find(name);
            const auto least = readings.at_end.find(name);
            const auto most = readings.after_end.find(name);
            if (before == readings.at_start.end() || least == readings.at_end.end() ||
                most == readings.after_end.end()) {
                return;
            }
            out.push_back(
                {host, name, wire, least->second - before->second, most->second - before->second, part_of});
        };
        const auto tally = tally_of(report, host);
        add("RetransSegs", tally.all);
        add("TCPTimeouts", tally.timeouts);
        add("TCPFastRetrans", tally.fast);
        add("TCPSlowStartRetrans", tally.slow_start);
        add("TCPSynRetrans", tally.syn);
        add("TCPLossProbes", tally.probes, true);
    }
    return out;
}

bool counts_agree(const run_report& report) {
    const auto all = compare_counts(report);
    return std::all_of(all.begin(), all.end(), [](const compared_count& one) { return one.agrees(); });
}

}  // namespace aperto::lab
