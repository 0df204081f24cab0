// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/resend_cause.hpp"

#include <string>
#include <vector>

namespace aperto::lab {

/// One kernel setting of a host, by its name under /proc/sys/net, and what the lab sets it to.
struct host_setting {
    std::string name;
    std::string value;
    std::string in_words;    ///< English, short; empty when the user gave it
    bool from_user = false;  ///< then it is an error when the kernel does not take it
};

/// How a host is set up.
struct host_plan {
    bool v6 = false;
    std::uint32_t mtu = 1500;
    std::uint32_t queue_packets = 20'000;
    duration rto_min{};  ///< whole milliseconds; 0: as the settings say, or else the kernel's own
    std::vector<host_setting> settings;
};

/// The settings every host gets so that a lesson does not depend on the machine: no timestamps, so that a
/// segment carries the 1,460 bytes its MSS says; no tail loss probes and no compressed acknowledgements, so
/// that each loss and each duplicate shows as the textbook draws it; a doubling SYN timer; Reno; 128 KiB to
/// start with.
std::vector<host_setting> textbook_settings();

/// "tcp_timestamps=1" or "ipv4/tcp_timestamps=1", added or put in place of the one there. Throws `bad_input`.
void change_setting(std::vector<host_setting>& settings, const std::string& assignment);

/// A smallest retransmission timeout: a millisecond, which is the route's unit, to two minutes, the kernel's
/// largest timeout. Throws `bad_input`.
duration parse_rto_min(const std::string& text);

/// What these settings say of how the host sends. Where they are silent, what the kernel does by itself.
sender_traits traits_of(const host_plan& plan);

}  // namespace aperto::lab
