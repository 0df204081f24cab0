// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/event.hpp"
#include "aperto/group.hpp"
#include "client/connect_race.hpp"

#include <exception>
#include <memory>
#include <vector>

namespace aperto::client {

/// A name's addresses as they become known. All of them are asked for at once, which also a hosts file answers and which
/// gives their order (RFC 6724). Where that has no answer within the resolution delay, because the name service answers
/// for one family and not for the other, each family is asked for apart, and the attempts begin with what is there: with
/// IPv6 at once, with IPv4 after another such delay (RFC 8305, 3). What comes later joins the race.
///
/// Shared by who connects and the questions that are under way, which may outlast him.
struct name_search {
    explicit name_search(const host_port& name) : where(name) {}

    /// Whether the attempts may begin without another word.
    bool may_begin() const noexcept { return is_whole || has_ipv6 || (has_ipv4 && lacks_ipv6); }
    /// `family`: which was asked for. The order is that of the answer to all; without one IPv6 comes first.
    void take(const std::vector<endpoint>& found, int family);
    /// One of the questions has its answer: the attempts may begin, or go on, or none will come.
    void tell() noexcept;

    const host_port where;
    std::vector<endpoint> addresses;  ///< without any twice
    bool has_ipv4 = false;
    bool has_ipv6 = false;
    bool lacks_ipv6 = false;     ///< the name service has said so
    bool is_whole = false;       ///< all were asked for, and answered or refused
    std::exception_ptr refused;  ///< why
    event news;
    connect_race* race = nullptr;  ///< once it runs
};

/// Fills the search until the attempts may begin. Those questions that have no answer then go on in `asking`. Throws
/// `error` where the name has no address.
task<> begin_search(std::shared_ptr<name_search> search, task_group& asking, duration resolution_delay);

}  // namespace aperto::client
