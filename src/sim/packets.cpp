// SPDX-License-Identifier: MIT
// What packets do: data under a window, the end of a stream, resets, losses, silence. See also handshake.cpp.
#include "sim/network.hpp"
#include "sim/program.hpp"
#include "sim/sim_kernel.hpp"
#include "sim/sim_ring.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>

namespace aperto::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t packet_max = 16 * 1024;
/// RFC 6298 and tcp(7): the first retransmission, the longest pause.
constexpr duration retransmit_first = 200ms;
constexpr duration retransmit_longest = 120s;
/// By chance a packet is lost so many times in a row and no more: one of the handshake once, for its pause is
/// long.
constexpr std::uint8_t losses_max = 2;
/// TCP_USER_TIMEOUT and keepalive, as this library sets them.
constexpr duration user_timeout = 60s;
constexpr duration silence_max = 120s;
constexpr duration partition_longest = 10s;

}  // namespace

connection* network::find(std::uint32_t number) noexcept {
    return number > 0 && number <= connections_.size() ? connections_[number - 1].get() : nullptr;
}

void network::plan_for(connection& which, plan what, duration at) {
    what.at = at;
    what.which = which.number;
    ++which.planned;
    plans_.add(what);
}

duration network::flight(std::uint16_t from, std::uint16_t to, std::size_t bytes) {
    wire& over = between(from, to);
    duration leaves = std::max(elapsed_, over.free_from);
    if (over.options.bytes_per_second > 0) {
        leaves += duration(static_cast<duration::rep>(bytes * 1'000'000'000 / over.options.bytes_per_second));
        over.free_from = leaves;
    }
    return leaves + over.options.delay + up_to(over.options.jitter);
}

bool network::blocked(const connection& which, std::uint8_t from) noexcept {
    const std::uint16_t sender = which.ends[from].host;
    const std::uint16_t receiver = which.ends[1 - from].host;
    return which.dead || !at(sender).powered || !at(receiver).powered || between(sender, receiver).cut;
}

// ---- plans come true

void network::carry_out(plan what) {
    switch (what.what) {
    case plan::kind::join:
        return join(static_cast<std::uint16_t>(what.which), what.side);
    case plan::kind::notice:
        return at(static_cast<std::uint16_t>(what.which)).os->give_notice(what.first);
    case plan::kind::cancel:
        if (sim_ring* const ring = at(static_cast<std::uint16_t>(what.which)).ring)
            ring->reach_with_cancel(what.first);
        return;
    case plan::kind::aside: {
        machine& on = at(static_cast<std::uint16_t>(what.which));
        if (on.up) on.runs->end_aside(what.first);
        return;
    }
    default:
        break;
    }
    connection& which = *find(what.which);
    --which.planned;
    carry_out_for(which, what);
    free_if_done(which);
}

void network::carry_out_for(connection& which, plan what) {
    switch (what.what) {
    case plan::kind::syn:
        return on_syn(which, what);
    case plan::kind::syn_ack:
        return on_syn_ack(which, what);
    case plan::kind::ack:
        return on_ack(which, what);
    case plan::kind::refusal:
        return on_refusal(which);
    case plan::kind::packet:
        return on_packet(which, what);
    case plan::kind::acknowledge:
        return on_acknowledge(which, what);
    case plan::kind::reset:
        return on_reset(which, what);
    case plan::kind::keepalive:
        return on_keepalive(which, what);
    default:
        assert(false);
    }
}

void network::free_if_done(connection& which) noexcept {
    if (which.planned > 0) return;
    for (const connection::end& each : which.ends)
        if (each.attached || each.queued) return;
    --connections_in_use_;
    connections_[which.number - 1].reset();
}

/// What becomes of a packet at its arrival. Losses and delays that are decided here are planned again here.
network::fate network::fate_of(connection& which, happening packet, std::uint8_t from, plan& what,
                               std::uint64_t offset, std::uint32_t size, std::uint8_t attempt) {
    const connection::end& sender = which.ends[from];
    const connection::end& receiver = which.ends[1 - from];
    const event seen{.what = packet,
                     .host = sender.host,
                     .peer = receiver.host,
                     .connection = which.number,
                     .offset = offset,
                     .size = size};
    const verdict said = what.judged || rules.empty() ? verdict{} : judge(seen);
    if (said.what == verdict::kind::late) {
        what.judged = true;
        plan_for(which, what, elapsed_ + said.by);
        return fate::later;
    }
    if (said.what == verdict::kind::reset) return fate::broken;
    const bool unlucky = attempt < losses_max && happens(&faults::lost_packet);
    if (blocked(which, from) || said.what == verdict::kind::drop || unlucky) {
        event gone = seen;
        gone.what = happening::lost;
        record(gone);
        return fate::lost;
    }
    record(seen);
    return fate::arrives;
}

void network::misfortune(connection& which, std::uint8_t from) {
    if (happens(&faults::silent_death)) {
        which.dead = true;
        plan_keepalive(which);
        record({.what = happening::died,
                .host = which.ends[from].host,
                .peer = which.ends[1 - from].host,
                .connection = which.number});
    }
    const std::uint16_t one = which.ends[0].host;
    const std::uint16_t other = which.ends[1].host;
    if (one != other && !between(one, other).cut && happens(&faults::partition)) {
        cut(one, other);
        plans_.add({.at = elapsed_ + up_to(partition_longest),
                    .which = one,
                    .what = plan::kind::join,
                    .side = static_cast<std::uint8_t>(other)});
    }
}

// ---- data

void network::pump(connection& which, std::uint8_t side) {
    pipe& out = which.out_of(side);
    const std::uint16_t from = which.ends[side].host;
    const std::uint16_t to = which.ends[1 - side].host;
    if (which.ends[side].broken || which.now != connection::state::open) return;
    while (out.sent < out.taken && out.sent < out.edge) {
        std::size_t size = std::min({static_cast<std::size_t>(out.taken - out.sent),
                                     static_cast<std::size_t>(out.edge - out.sent), packet_max});
        if (happens(&faults::small_packet))
            size = 1 + below(below(2) == 0 ? std::min<std::size_t>(size, 8) : size);
        out.sent += size;
        out.last_arrival = std::max(out.last_arrival, flight(from, to, size));
        out.in_flight.push_back({.end = out.sent, .at = out.last_arrival, .first_sent = elapsed_});
    }
    if (out.fin_queued && !out.fin_sent && out.sent == out.taken) {
        out.fin_sent = true;
        out.last_arrival = std::max(out.last_arrival, flight(from, to, 0));
        out.in_flight.push_back(
            {.end = out.sent, .at = out.last_arrival, .first_sent = elapsed_, .fin = true});
    }
    if (out.planned || !out.flying()) return;
    out.planned = true;
    plan_for(which, {.what = plan::kind::packet, .side = side}, out.first().at);
}

void network::on_packet(connection& which, plan what) {
    const std::uint8_t from = what.side;
    pipe& in = which.out_of(from);
    in.planned = false;
    if (!in.flying()) return;  // a reset came first
    const pipe::packet first = in.first();
    if (!what.judged && first.attempts == 0) {
        misfortune(which, from);
        if (happens(&faults::reset)) return reset_both(which);
    }
    const auto size = static_cast<std::uint32_t>(first.end - in.arrived);
    const fate met = fate_of(which, first.fin ? happening::fin : happening::data, from, what, in.arrived,
                             size, first.attempts);
    switch (met) {
    case fate::later:
        in.planned = true;
        return;
    case fate::lost:
        return lose_packet(which, from);
    case fate::broken:
        return reset_both(which);
    case fate::arrives:
        in.pop();
        return on_arrival(which, from, first);
    }
}

void network::lose_packet(connection& which, std::uint8_t from) {
    pipe& in = which.out_of(from);
    pipe::packet& first = in.first();
    const duration gives_up = std::max(first.first_sent, in.progressed) + user_timeout;
    if (elapsed_ >= gives_up) return break_end(which, from, ETIMEDOUT);
    const duration pause =
        std::min(retransmit_first * (1 << std::min<int>(first.attempts, 10)), retransmit_longest);
    ++first.attempts;
    in.planned = true;
    plan_for(which, {.what = plan::kind::packet, .side = from}, std::min(elapsed_ + pause, gives_up));
}

void network::on_arrival(connection& which, std::uint8_t from, pipe::packet arrived) {
    pipe& in = which.out_of(from);
    const std::uint8_t to = 1 - from;
    connection::end& receiver = which.ends[to];
    const bool has_data = arrived.end > in.arrived;
    in.arrived = arrived.end;
    in.progressed = elapsed_;
    in.fin_arrived = in.fin_arrived || arrived.fin;
    receiver.heard = elapsed_;
    if (in.flying()) {
        in.planned = true;
        plan_for(which, {.what = plan::kind::packet, .side = from}, std::max(elapsed_, in.first().at));
    }
    // Nobody will ever read it: the sender is told so (RFC 1122, 4.2.2.13).
    if (has_data && !receiver.attached && !receiver.queued) return send_reset(which, to);
    notify(which, static_cast<std::uint8_t>(1 - from));
    acknowledge(which, from);
}

/// Tells the sender what has come and how much more may.
void network::acknowledge(connection& which, std::uint8_t from) {
    pipe& in = which.out_of(from);
    const std::uint16_t receiver = which.ends[1 - from].host;
    in.told = std::max(in.told, in.read + at(receiver).options.receive_buffer);
    plan_for(which, {.first = in.arrived, .second = in.told, .what = plan::kind::acknowledge, .side = from},
             flight(receiver, which.ends[from].host, 0));
}

void network::after_read(connection& which, std::uint8_t side) {
    const pipe& in = which.into(side);
    const std::uint32_t window = at(which.ends[side].host).options.receive_buffer;
    // A small opening of the window is not worth a packet (RFC 9293, 3.8.6.2.2).
    if (in.read + window >= in.told + std::min<std::uint64_t>(window / 2, packet_max))
        acknowledge(which, static_cast<std::uint8_t>(1 - side));
}

void network::on_acknowledge(connection& which, plan what) {
    const std::uint8_t sender = what.side;
    if (which.ends[sender].broken) return;
    if (blocked(which, static_cast<std::uint8_t>(1 - sender))) {
        // The next one says it too; a window that opens is asked for again and again (RFC 9293, 3.8.6.1).
        if (!which.dead && at(which.ends[0].host).powered && at(which.ends[1].host).powered)
            plan_for(which, what, elapsed_ + retransmit_first);
        return;
    }
    pipe& out = which.out_of(sender);
    which.ends[sender].heard = elapsed_;
    out.acked = std::max(out.acked, what.first);
    out.edge = std::max(out.edge, what.second);
    pump(which, sender);
    notify(which, sender);
}

// ---- the end

void network::close(connection& which, std::uint8_t side, bool reset) {
    connection::end& end = which.ends[side];
    end.attached = end.queued = false;
    if (which.now == connection::state::opening) {
        which.now = connection::state::closed;  // its handshake is over when its packets come
    } else if (!end.broken) {
        // Unread input makes close(2) a reset, which destroys what is under way to the peer (RFC
        // 1122, 4.2.2.13).
        if (reset || which.into(side).unread() > 0) {
            send_reset(which, side);
        } else {
            which.out_of(side).fin_queued = true;
            pump(which, side);
        }
    }
    free_if_done(which);
}

void network::send_reset(connection& which, std::uint8_t from) {
    const std::uint8_t to = 1 - from;
    which.ends[from].broken = true;
    which.now = connection::state::closed;
    which.out_of(from).stop();
    plan_for(which, {.what = plan::kind::reset, .side = to},
             flight(which.ends[from].host, which.ends[to].host, 0));
}

void network::on_reset(connection& which, plan what) {
    const std::uint8_t to = what.side;
    if (blocked(which, static_cast<std::uint8_t>(1 - to))) return;  // and nobody sends it again
    record({.what = happening::rst,
            .host = which.ends[1 - to].host,
            .peer = which.ends[to].host,
            .connection = which.number});
    break_end(which, to, which.into(to).fin_arrived ? EPIPE : ECONNRESET);
}

void network::reset_both(connection& which) {
    for (const std::uint8_t side : {std::uint8_t{0}, std::uint8_t{1}}) {
        record({.what = happening::rst,
                .host = which.ends[1 - side].host,
                .peer = which.ends[side].host,
                .connection = which.number});
        break_end(which, side, ECONNRESET);
    }
    which.now = connection::state::closed;
}

void network::break_end(connection& which, std::uint8_t side, int error) {
    connection::end& end = which.ends[side];
    if (end.broken) return;
    end.broken = true;
    end.error = error;
    which.out_of(side).stop();
    pipe& in = which.into(side);
    in.stop();
    // Whether what came before a reset can still be read differs from system to system.
    if (below(2) == 0) in.forget_unread();
    if (error == ETIMEDOUT)
        record({.what = happening::timed_out,
                .host = end.host,
                .peer = end.host,
                .connection = which.number,
                .result = -error});
    notify(which, side);
}

void network::plan_keepalive(connection& which) {
    if (which.now != connection::state::open) return;
    for (const std::uint8_t side : {std::uint8_t{0}, std::uint8_t{1}})
        plan_for(which, {.what = plan::kind::keepalive, .side = side}, elapsed_ + silence_max);
}

void network::on_keepalive(connection& which, plan what) {
    const std::uint8_t side = what.side;
    connection::end& end = which.ends[side];
    if (end.broken || !blocked(which, static_cast<std::uint8_t>(1 - side))) return;
    if (elapsed_ - end.heard >= silence_max) return break_end(which, side, ETIMEDOUT);
    if (end.attached) plan_for(which, what, end.heard + silence_max);
}

}  // namespace aperto::sim
