// SPDX-License-Identifier: MIT
#include "aperto/sim.hpp"
#include "sim/network.hpp"

#include <fmt/format.h>

namespace aperto::sim {

// ---- hosts

host::host(network& net, std::uint16_t index) : net_(net), index_(index) {}
const std::string& host::name() const noexcept { return net_.at(index_).name; }
loop& host::loop() noexcept { return net_.at(index_).runs->on(); }
bool host::is_up() const noexcept { return net_.at(index_).up; }

endpoint host::address(std::uint16_t port) const {
    endpoint first = net_.at(index_).addresses.front();
    first.set_port(port);
    return first;
}

void host::spawn(task<> work) { loop().spawn(std::move(work)); }

void host::crash() {
    if (!is_up()) return;
    net_.record({.what = happening::crashed, .host = index_, .peer = index_});
    net_.at(index_).up = false;
    net_.at(index_).runs->die();
}

void host::power_off() { net_.power_off(index_); }

// ---- worlds

world::world(const world_options& options) : net_(std::make_unique<network>(options)) {}
world::~world() = default;

host& world::add_host(std::string name, const host_options& options) {
    return net_->add_host(std::move(name), options);
}

void world::add_name(std::string name, const std::vector<std::string>& addresses) {
    net_->add_name(std::move(name), addresses);
}

void world::add_service(std::string name, std::vector<service_record> records) {
    net_->add_service(std::move(name), std::move(records));
}

link_options& world::link(const host& from, const host& to) { return net_->link(from.index(), to.index()); }
void world::cut(const host& one, const host& other) { net_->cut(one.index(), other.index()); }
void world::join(const host& one, const host& other) { net_->join(one.index(), other.index()); }
void world::add_rule(rule judge) { net_->rules.push_back(std::move(judge)); }
faults& world::faults() noexcept { return net_->options.faults; }

void world::run() { net_->run(duration::max()); }
void world::run_for(duration time) { net_->run(net_->elapsed() + time); }

std::uint64_t world::seed() const noexcept { return net_->options.seed; }
duration world::elapsed() const noexcept { return net_->elapsed(); }
std::uint64_t world::random() noexcept { return net_->chance()(); }

void world::expect(bool held, std::string_view what) {
    if (held) return;
    // Kept as well: whoever called this may catch what it throws, as a server does with its handler's
    // exceptions.
    net_->keep_failure(std::string(what));
    throw failure(std::string(what));
}

void world::expect_nothing_left() {
    net_->settle();
    std::string left;
    for (std::size_t i = 0; i < net_->hosts(); ++i) {
        const network::machine& each = net_->at(static_cast<std::uint16_t>(i));
        if (!each.up) continue;
        const loop::census has = each.runs->on().count();
        if (has == loop::census{}) continue;
        left += fmt::format("{}{} has {} tasks, {} sockets, {} timers, {} lent buffers left",
                            left.empty() ? "" : "; ", each.name, has.tasks, has.sockets, has.timers,
                            has.lent_buffers);
    }
    if (left.empty() && net_->connections() > 0)
        left = fmt::format("{} connections are left that nobody has", net_->connections());
    if (!left.empty()) throw failure(left);
}

void world::note(std::string text) { net_->note(std::move(text)); }
const std::vector<event>& world::events() const noexcept { return net_->events(); }

}  // namespace aperto::sim
