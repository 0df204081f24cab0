// SPDX-License-Identifier: MIT
// The handshake: SYN, SYN/ACK, ACK, refusals, and what becomes of a connect that nobody answers.
#include "sim/network.hpp"
#include "sim/program.hpp"
#include "sim/sim_kernel.hpp"

#include <cerrno>
#include <chrono>

namespace aperto::sim {
namespace {

using namespace std::chrono_literals;

/// RFC 6298 and tcp(7): the first retransmission, and how many before connect(2) gives up.
constexpr duration handshake_retransmit = 1s;
constexpr std::uint8_t handshake_attempts_max = 6;
/// By chance a packet of the handshake is lost once and no more, for the pause is long; of data, twice.
constexpr std::uint8_t handshake_losses = 1;

}  // namespace

connection& network::connect(std::uint16_t host, const endpoint& to, file& socket) {
    connections_.push_back(std::make_unique<connection>());
    ++connections_in_use_;
    connection& made = *connections_.back();
    made.number = static_cast<std::uint32_t>(connections_.size());
    made.ends[0] = {.address = at(host).addresses.front(), .on = &socket, .host = host, .attached = true};
    made.ends[0].address.set_port(at(host).next_port++);
    made.ends[1].address = to;
    const int there = host_of(to, host);
    made.ends[1].host = there < 0 ? host : static_cast<std::uint16_t>(there);
    made.dead = there < 0;  // an address that nobody has
    made.round_trip = elapsed_;
    plan_for(made, {.what = plan::kind::syn}, flight(host, made.ends[1].host, 0));
    return made;
}

/// The handshake's packets are sent again after 1, 2, 4 … s, until connect(2) gives up.
void network::send_again(connection& which, plan what) {
    if (++which.attempts > handshake_attempts_max) return refuse_open(which, ETIMEDOUT);
    what.judged = false;
    plan_for(which, what, elapsed_ + handshake_retransmit * (1 << (which.attempts - 1)));
}

void network::refuse_open(connection& which, int error) {
    if (which.now == connection::state::closed) return;
    which.now = connection::state::closed;
    break_end(which, 0, error);
}

void network::on_syn(connection& which, plan what) {
    if (which.now != connection::state::opening) return;
    if (which.attempts == 0 && !what.judged) misfortune(which, 0);
    const fate met = fate_of(which, happening::syn, 0, what, 0, 0,
                             static_cast<std::uint8_t>(which.attempts + handshake_losses));
    if (met == fate::later) return;
    if (met == fate::lost) return send_again(which, what);
    machine& there = at(which.ends[1].host);
    bool full = false;
    const bool refused = met == fate::broken || happens(&faults::refused) || !there.up ||
                         !there.os->listener_for(which.ends[1].address, full);
    if (full) return send_again(which, what);
    const duration back = flight(which.ends[1].host, which.ends[0].host, 0);
    if (refused) {
        record({.what = happening::refused,
                .host = which.ends[1].host,
                .peer = which.ends[0].host,
                .connection = which.number});
        return plan_for(which, {.what = plan::kind::refusal}, back);
    }
    which.attempts = 0;
    plan_for(which, {.what = plan::kind::syn_ack}, back);
}

void network::on_refusal(connection& which) {
    if (which.now == connection::state::opening && !blocked(which, 1))
        return refuse_open(which, ECONNREFUSED);
    if (which.now == connection::state::opening) send_again(which, {.what = plan::kind::refusal});
}

void network::on_syn_ack(connection& which, plan what) {
    if (which.now != connection::state::opening) return;
    const fate met = fate_of(which, happening::syn_ack, 1, what, 0, 0,
                             static_cast<std::uint8_t>(which.attempts + handshake_losses));
    if (met == fate::later) return;
    if (met == fate::lost) return send_again(which, what);
    if (met == fate::broken) return refuse_open(which, ECONNREFUSED);
    which.attempts = 0;
    which.now = connection::state::open;
    which.round_trip = elapsed_ - which.round_trip;
    const std::uint16_t client = which.ends[0].host;
    const std::uint16_t server = which.ends[1].host;
    which.pipes[0].edge = which.pipes[0].told = at(server).options.receive_buffer;
    which.pipes[1].edge = which.pipes[1].told = at(client).options.receive_buffer;
    // What the client sends now does not overtake its ACK.
    const duration arrives = flight(client, server, 0);
    which.pipes[0].last_arrival = arrives;
    which.ends[1].queued = true;
    plan_for(which, {.what = plan::kind::ack}, arrives);
    notify(which, 0);
}

void network::on_ack(connection& which, plan what) {
    if (which.ends[1].broken) which.ends[1].queued = false;  // before any program saw it
    if (!which.ends[1].queued) return;
    const fate met = fate_of(which, happening::ack, 0, what, 0, 0,
                             static_cast<std::uint8_t>(which.attempts + handshake_losses));
    if (met == fate::later) return;
    if (met == fate::lost) {
        if (++which.attempts <= handshake_attempts_max)
            return plan_for(which, {.what = plan::kind::ack}, elapsed_ + handshake_retransmit);
        which.ends[1].queued = false;
        return;
    }
    machine& there = at(which.ends[1].host);
    bool full = false;
    file* const door = there.up ? there.os->listener_for(which.ends[1].address, full) : nullptr;
    if (!door || met == fate::broken) {
        which.ends[1].queued = false;
        return send_reset(which, 1);
    }
    there.os->queue(*door, which.number);
}

void network::attach(connection& which, std::uint8_t side, file& socket) noexcept {
    which.ends[side].on = &socket;
    which.ends[side].queued = false;
    which.ends[side].attached = true;
}

/// Whoever has this end is told that something may have changed.
void network::notify(connection& which, std::uint8_t side) {
    const connection::end& end = which.ends[side];
    if (end.attached) at(end.host).os->changed(*end.on);
}

}  // namespace aperto::sim
