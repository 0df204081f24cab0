// SPDX-License-Identifier: MIT
#pragma once

#include "lab/verdict/report.hpp"

#include <string>
#include <vector>

namespace aperto::lab {

/// How often a host's kernel sent something again, by one of its counters, beside what the wire made of it.
///
/// The counters are a network namespace's, so a host's: all its connections together. A run does not begin or
/// end between two packets, so the kernel's count is known between the reading before the wire was stopped
/// and the one after.
struct counted {
    side host = side::client;
    std::string counter;  ///< as /proc/net/snmp and /proc/net/netstat name it
    std::uint64_t wire = 0;
    std::uint64_t kernel_least = 0;
    std::uint64_t kernel_most = 0;
    bool part_of = false;  ///< the kernel counts more under this name than can be told on the wire

    bool agrees() const { return (part_of || wire >= kernel_least) && wire <= kernel_most; }
    bool operator==(const counted&) const = default;
};

/// RetransSegs, TCPTimeouts, TCPFastRetrans, TCPSlowStartRetrans, TCPSynRetrans and TCPLossProbes of both
/// hosts, those that this kernel has. Of the last the wire tells only probes that repeat something: one that
/// carries new data looks like any new data.
std::vector<counted> compare_counts(const run_report& report);

/// Whether wire and kernels agree on everything.
bool counts_agree(const run_report& report);

}  // namespace aperto::lab
