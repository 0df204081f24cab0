// SPDX-License-Identifier: MIT
#include "lab/verdict/kernel_counts.hpp"

#include <algorithm>

namespace aperto::lab {

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

std::vector<counted> compare_counts(const run_report& report) {
    std::vector<counted> out;
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
    return std::all_of(all.begin(), all.end(), [](const counted& one) { return one.agrees(); });
}

}  // namespace aperto::lab
