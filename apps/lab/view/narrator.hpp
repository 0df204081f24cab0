// SPDX-License-Identifier: MIT
#pragma once

#include "lab/wire/link.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace aperto::lab {

/// Says in words what a packet means: at length beside the first of each kind, briefly afterwards. Feed it
/// packets in the order they entered the wire.
class narrator {
public:
    explicit narrator(const std::vector<named_fault>& named) : named_(&named) {}

    /// One line; empty when there is nothing to say beyond what the arrow shows.
    std::string about(const event& one);

    /// Both, a loss first.
    std::string all(const event& one) {
        const auto lost = loss(one);
        const auto said = about(one);
        return lost + (lost.empty() || said.empty() ? "" : " · ") + said;
    }

    /// Why the wire lost it: "lost: --drop client data#1".
    std::string loss(const event& one) const;

    /// Why it is sent again, alone; empty where it is not.
    std::string again(const event& one);

private:
    bool first(const char* what) { return told_.insert(what).second; }
    /// How a connection began, as far as it was seen.
    struct began {
        std::optional<instant> syn_sent;  ///< the first one
        std::optional<instant> answered;  ///< the first SYN/ACK reached the client
        bool repeated = false;            ///< one of the two was sent again
    };

    void follow_handshake(const event& one);
    std::string connected_text(const event& one, const began& how) const;
    void acknowledged(const event& one, std::vector<std::string>& out);
    void options(const event& one, std::vector<std::string>& out);
    /// What the acknowledgement number awaits, and what a SACK block covers: bytes, or the FIN.
    std::string missing_text(const event& one) const;
    std::string block_text(const event& one, std::size_t block) const;
    void handshake(const event& one, std::vector<std::string>& out);
    void repetition(const event& one, std::vector<std::string>& out);
    void acknowledgement(const event& one, std::vector<std::string>& out);
    void window(const event& one, std::vector<std::string>& out);
    void arrival(const event& one, std::vector<std::string>& out);
    void faults(const event& one, std::vector<std::string>& out);
    void data(const event& one, std::vector<std::string>& out);
    void ending(const event& one, std::vector<std::string>& out);
    std::string rule_text(const event& one) const;

    const std::vector<named_fault>* named_;
    std::set<std::string> told_;
    std::set<std::uint32_t> connected_;
    std::set<std::pair<std::uint32_t, side>> asked_;  ///< by keepalive, whether the other side is there
    std::map<std::uint32_t, began> handshakes_;
    std::map<std::pair<std::uint32_t, side>, std::uint64_t> fin_at_;  ///< the number of each side's FIN
};

/// "client" or "server" in the reader's language.
std::string side_text(side one);

/// The payload's first characters in quotes when they are text, safe for a terminal and, in ASCII too, at
/// most 41 columns wide; empty when they are not.
std::string excerpt_text(const event& one);

}  // namespace aperto::lab
