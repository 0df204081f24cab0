// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/flow.hpp"
#include "lab/hosts/kernel_view.hpp"
#include "lab/wire/link.hpp"

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// How a program of the run ended.
struct program_end {
    bool started = false;
    bool ended = false;  ///< by itself; otherwise the lab stopped it
    int code = 0;        ///< its exit code, or 128 + the signal that ended it
};

/// A host's counters of /proc/net/snmp and /proc/net/netstat by name, read three times.
struct kernel_readings {
    std::map<std::string, std::uint64_t> at_start;   ///< before any program of the run
    std::map<std::string, std::uint64_t> at_end;     ///< before the wire was stopped
    std::map<std::string, std::uint64_t> after_end;  ///< after it
};

/// Where a run was stopped before its end, and how the sockets were then.
struct stopping_place {
    instant at{};
    std::uint64_t packet = 0;                         ///< its number; 0: it was a moment that was named
    std::array<std::vector<socket_view>, 2> sockets;  ///< by `side`
};

/// Everything a run is judged and summed up by, once it is over.
struct run_report {
    std::uint64_t seed = 0;
    std::deque<flow> flows;
    std::array<program_end, 2> programs;  ///< by `side`
    bool timed_out = false;
    int interrupted = 0;  ///< by which signal
    duration took{};

    std::uint64_t packets = 0;
    std::uint64_t datagrams = 0;              ///< of UDP, that arrived
    std::array<std::uint64_t, 12> lost_by{};  ///< by `loss_cause`
    std::array<std::uint64_t, 8> struck{};    ///< by the number of the `fault` bit
    duration added_median{};
    duration added_p99{};
    std::array<std::uint64_t, 2> dropped_at_tun{};
    std::uint64_t refused = 0;
    std::array<kernel_readings, 2> kernel;  ///< by `side`
    std::vector<kernel_sample> kernel_samples;
    std::vector<socket_sample> socket_samples;
    std::optional<stopping_place> stopped;
    decision_log decisions;  ///< when they were to be kept

    std::uint64_t lost() const;
    /// Every byte that entered the wire left it in order and once, in both directions of every connection.
    bool payload_intact() const;
    /// The wire lost something nobody asked it to lose.
    bool wire_failed() const { return dropped_at_tun[0] + dropped_at_tun[1] + refused > 0; }
};

/// The value at `share` (0 to 1) of the sorted values; zero when there are none.
duration quantile(std::vector<duration> values, double share);

/// Bits a second of payload that arrived in order, from a side's first byte sent to its last arrived; 0:
/// unknown.
double goodput(const flow_half& half);
/// The same of all connections together: from the first byte sent in any to the last that arrived in any.
double goodput(const run_report& report, side from);

/// What the samples of one host's sockets have of its congestion window, or of its slow start threshold, in segments, and
/// when: the `which` is first, last, min or max. None where no sample has it.
struct sampled_window {
    std::uint32_t segments = 0;
    instant at{};
};
std::optional<sampled_window> window_sampled(const run_report& report, side host, bool threshold,
                                             std::string_view which);

/// Counts windows that are still shut: until the connection's last packet, or until the run's end while it is
/// open.
void end_windows(flow& connection, instant run_end);

/// How often a host's kernel sent something again, by one of its counters, beside what the wire made of it.
///
/// The counters are a network namespace's, so a host's: all its connections together. A run does not begin or
/// end between two packets, so the kernel's count is known between the reading before the wire was stopped
/// and the one after.
struct compared_count {
    side host = side::client;
    std::string counter;  ///< as /proc/net/snmp and /proc/net/netstat name it
    std::uint64_t wire = 0;
    std::uint64_t kernel_least = 0;
    std::uint64_t kernel_most = 0;
    bool part_of = false;  ///< the kernel counts more under this name than can be told on the wire

    bool agrees() const { return (part_of || wire >= kernel_least) && wire <= kernel_most; }
    bool operator==(const compared_count&) const = default;
};

/// RetransSegs, TCPTimeouts, TCPFastRetrans, TCPSlowStartRetrans, TCPSynRetrans and TCPLossProbes of both
/// hosts, those that this kernel has. Of the last the wire tells only probes that repeat something: one that
/// carries new data looks like any new data.
std::vector<compared_count> compare_counts(const run_report& report);

/// Whether wire and kernels agree on everything.
bool counts_agree(const run_report& report);

}  // namespace aperto::lab
