// SPDX-License-Identifier: MIT
#include "server/terms.hpp"

#include <algorithm>
#include <utility>

namespace aperto {
namespace {

std::size_t connections_max_of(const options& chosen, const surroundings& where) noexcept {
    if (chosen.once) return 1;
    return chosen.max_connections ? chosen.max_connections : where.connections;
}

std::size_t memory_budget_of(const options& chosen, const surroundings& where, unsigned workers) noexcept {
    const std::size_t budget = chosen.memory_budget ? chosen.memory_budget : where.memory / 4;
    return std::max<std::size_t>(1, budget / workers);
}

std::size_t per_address_max_of(const options& chosen, std::size_t connections_max) noexcept {
    if (chosen.max_connections_per_address > 0) return chosen.max_connections_per_address;
    return std::max<std::size_t>(1, connections_max / 2);
}

options options_at(const options& all, const listen_place& here) {
    options own = all;
    own.also_listen.clear();
    if (here.transport) own.transport = *here.transport;
    own.max_message = here.max_message.value_or(all.max_message);
    own.idle_timeout = here.idle_timeout.value_or(all.idle_timeout);
    own.message_deadline = here.message_deadline.value_or(all.message_deadline);
    own.write_deadline = here.write_deadline.value_or(all.write_deadline);
    own.handshake_deadline = here.handshake_deadline.value_or(all.handshake_deadline);
    own.proxy_from = here.proxy_from.value_or(all.proxy_from);
    return own;
}

std::vector<place_terms> places_of(const options& all) {
    std::vector<place_terms> places;
    places.push_back({all, no_limit, cidr_set(all.proxy_from)});
    for (const listen_place& each : all.also_listen) {
        options own = options_at(all, each);
        cidr_set proxies(own.proxy_from);
        places.push_back({std::move(own), each.max_connections.value_or(no_limit), std::move(proxies)});
    }
    return places;
}

}  // namespace

server_terms::server_terms(aperto::options chosen, const surroundings& where, unsigned workers)
    : options(std::move(chosen)),
      connections_max(connections_max_of(options, where)),
      memory_budget(memory_budget_of(options, where, workers)),
      per_address_max(per_address_max_of(options, connections_max)),
      loopback_is_free(options.max_connections_per_address == 0),
      deny(options.deny),
      allow(options.allow),
      exempt(options.exempt),
      places(places_of(options)) {}

options renewed(const options& now, const options& wanted) {
    options next = now;
    next.max_message = wanted.max_message;
    next.idle_timeout = wanted.idle_timeout;
    next.message_deadline = wanted.message_deadline;
    next.write_deadline = wanted.write_deadline;
    next.handshake_deadline = wanted.handshake_deadline;
    next.high_water = wanted.high_water;
    next.memory_budget = wanted.memory_budget;
    next.max_connections = wanted.max_connections;
    next.max_connections_per_address = wanted.max_connections_per_address;
    next.accept_rate = wanted.accept_rate;
    next.exempt = wanted.exempt;
    next.allow = wanted.allow;
    next.deny = wanted.deny;
    next.proxy_from = wanted.proxy_from;
    next.drain_delay = wanted.drain_delay;
    next.drain_grace = wanted.drain_grace;
    next.drain_spread = wanted.drain_spread;
    next.drain_deadline = wanted.drain_deadline;
    return next;
}

}  // namespace aperto
