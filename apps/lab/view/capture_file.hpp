// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "lab/view/narrator.hpp"
#include "lab/view/output.hpp"
#include "lab/wire/wire.hpp"

#include <chrono>
#include <fstream>
#include <map>
#include <optional>
#include <string>

namespace aperto::lab {

/// From where a capture looks at the wire.
enum class capture_view {
    sent,    ///< each packet once, whole, as its host sent it; what the wire did to it is a comment
    client,  ///< what a capture on the client's interface sees: its packets as sent, the server's as they
             ///< arrive
    server
};

/// Writes packets to a pcapng file (IETF draft-ietf-opsawg-pcapng) with nanosecond times, a "client" and a
/// "server" interface of IPv4 or IPv6 packets, and a comment on each packet something was done to and on each that
/// is sent again. Into a pipe, such as Wireshark's, packets go as they come, and its reader holds up nobody.
class capture_file {
public:
    /// Throws std::system_error when the file cannot be made.
    capture_file(const std::string& path, capture_view view, bool v6, const std::vector<named_fault>& named);

    /// The wall-clock time of the first packet, from which all others are counted. Before the first `add`.
    void begin(std::chrono::nanoseconds zero) { zero_ = zero; }

    /// In the order packets entered the wire.
    void add(const seen_packet& one);
    /// Hands over what a pipe's reader takes now. Never waits.
    void offer();
    /// Writes what waits for its turn. False when the disk did not take everything.
    bool finish();

private:
    void write_packet(side interface, instant when, bytes_view bytes, const std::string& comment);
    void block(std::uint32_t type, const std::string& body);

    std::ofstream file_;  ///< open where it is no pipe
    descriptor pipe_ = {};
    std::optional<output> live_;  ///< into `pipe_`
    capture_view view_;
    std::chrono::nanoseconds zero_{};
    narrator narrator_;
    struct waiting_packet {
        side interface;
        std::vector<std::uint8_t> bytes;
        std::string comment;
    };
    std::multimap<instant, waiting_packet> waiting_;  ///< of a host's view: arrivals must be sorted by time
};

}  // namespace aperto::lab
