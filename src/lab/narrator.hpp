// SPDX-License-Identifier: MIT
#pragma once

#include "lab/link.hpp"

#include <map>
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

    /// Why the wire lost it: "lost: --drop client data#1".
    std::string loss(const event& one) const;

private:
    bool first(const char* what) { return told_.insert(what).second; }
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
    std::map<std::uint32_t, instant> syn_sent_;
};

/// "client" or "server" in the reader's language.
std::string side_text(side one);

/// The payload's first bytes in quotes when they are text, safe for a terminal; empty when they are not.
std::string excerpt_text(const event& one, std::size_t most = 40);

}  // namespace aperto::lab
