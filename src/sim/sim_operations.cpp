// SPDX-License-Identifier: MIT
// The operations on simulated sockets; turns and cancellation are in sim_loop.cpp.
#include "sim/machine_work.hpp"
#include "sim/network.hpp"
#include "sim/sim_loop.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace aperto::sim {
namespace {

constexpr std::array accept_errors{EMFILE, ENFILE, ENOBUFS, ENOMEM};
constexpr std::array connect_errors{EMFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL};
/// What a buffer holds once it was given back: whoever still reads it notices.
constexpr int given_back = 0xDD;

}  // namespace

connection* sim_loop::connection_of(const socket& at) const noexcept {
    return at.is == role::connection ? net_.find(at.connection) : nullptr;
}

/// What a rule says of a call: 0 or a negative errno.
int sim_loop::fails(happening what, const connection* on) const {
    if (net_.rules.empty()) return 0;
    const verdict said =
        net_.judge({.what = what, .host = host_, .peer = host_, .connection = on ? on->number : 0});
    return said.what == verdict::kind::fail ? -said.code : 0;
}

bool sim_loop::attempt(socket_id id, socket& at, operation& waiting) {
    switch (waiting.what()) {
    case operation::kind::accept:
        return attempt_accept(at, static_cast<accept_operation&>(waiting));
    case operation::kind::connect:
        return attempt_connect(id, at, static_cast<connect_operation&>(waiting));
    case operation::kind::receive:
        return attempt_receive(at, static_cast<receive_operation&>(waiting));
    default:
        return attempt_send(at, static_cast<send_operation&>(waiting));
    }
}

// ---- listening and accepting

std::uint16_t sim_loop::free_port() noexcept { return net_.at(host_).next_port++; }

socket_id sim_loop::listen(const endpoint& where, const listen_options& options) {
    const machine_work working;
    endpoint actual = where;
    if (where.port() == 0) actual.set_port(free_port());
    for (const socket_id each : listeners_)
        if (sockets_.find(each)->where.port() == actual.port() && options.sharing != port_sharing::join)
            throw error::from_result(
                -EADDRINUSE, "listen on", actual.to_string(),
                "Another program listens on that port. Stop it, or choose another port.");
    if (net_.host_of(where, host_) != host_)
        throw error::from_result(-EADDRNOTAVAIL, "listen on", actual.to_string());
    if (sockets_.used() >= net_.at(host_).options.descriptors_max)
        throw error::from_result(-EMFILE, "listen on", actual.to_string());
    const socket_id id = sockets_.take();
    socket& at = *sockets_.find(id);
    at.is = role::listener;
    at.where = actual;
    at.backlog_max = static_cast<std::size_t>(std::max(options.backlog, 0)) + 1;
    at.backlog = std::make_unique<std::deque<std::uint32_t>>();
    listeners_.push_back(id);
    net_.record({.what = happening::listen, .host = host_, .peer = host_, .size = actual.port()});
    return id;
}

socket_id sim_loop::listener_for(const endpoint& to, bool& full) noexcept {
    std::array<socket_id, 8> fitting;
    std::size_t count = 0;
    for (const socket_id each : listeners_) {
        const socket& at = *sockets_.find(each);
        if (at.where.port() != to.port() || (!at.where.is_any() && at.where.bytes() != to.bytes())) continue;
        if (count < fitting.size()) fitting[count++] = each;
    }
    if (count == 0) return {};
    // Several share the port (SO_REUSEPORT): one of them gets the client.
    const socket_id chosen = fitting[count == 1 ? 0 : net_.below(count)];
    const socket& at = *sockets_.find(chosen);
    full = at.backlog->size() >= at.backlog_max;
    return chosen;
}

void sim_loop::queue(socket_id listener, std::uint32_t connection) {
    sockets_.find(listener)->backlog->push_back(connection);
    changed(listener, false);
}

bool sim_loop::start_accept(socket_id listener, accept_operation& accept) {
    const machine_work working;
    accept.accepted = {};
    socket* at = sockets_.find(listener);
    if (!at) return accept.result = -EBADF, true;
    const bool at_once = !net_.happens(net_.options.faults.not_at_once);
    if (at_once && attempt_accept(*at, accept)) return true;
    wait(listener, *at, accept, false);
    if (!at_once) changed(listener, false);
    return false;
}

bool sim_loop::attempt_accept(socket& at, accept_operation& accept) {
    if (at.backlog->empty()) return false;
    accept.result = fails(happening::accept, nullptr);
    if (accept.result == 0 && sockets_.used() >= net_.at(host_).options.descriptors_max)
        accept.result = -EMFILE;
    if (accept.result == 0 && net_.happens(net_.options.faults.accept_fails))
        accept.result = -accept_errors[net_.below(accept_errors.size())];
    const std::uint32_t number = at.backlog->front();
    if (accept.result == 0) {
        at.backlog->pop_front();
        accept.accepted = sockets_.take();
        socket& made = *sockets_.find(accept.accepted);
        made.side = 1;
        made.connection = number;
        net_.attach(*net_.find(number), 1, accept.accepted);
    }
    net_.record({.what = happening::accept,
                 .host = host_,
                 .peer = host_,
                 .connection = number,
                 .result = accept.result});
    return true;
}

// ---- connecting

bool sim_loop::start_connect(const endpoint& to, const connect_options&, connect_operation& connect) {
    const machine_work working;
    connect.connected = {};
    connect.result = fails(happening::connect, nullptr);
    if (connect.result == 0 && sockets_.used() >= net_.at(host_).options.descriptors_max)
        connect.result = -EMFILE;
    if (connect.result == 0 && net_.happens(net_.options.faults.connect_fails))
        connect.result = -connect_errors[net_.below(connect_errors.size())];
    if (connect.result < 0) {
        net_.record({.what = happening::connect, .host = host_, .peer = host_, .result = connect.result});
        return true;
    }
    const socket_id id = sockets_.take();
    socket& at = *sockets_.find(id);
    at.connection = net_.connect(host_, to, id).number;
    wait(id, at, connect, true);
    return false;
}

bool sim_loop::attempt_connect(socket_id id, socket& at, connect_operation& connect) {
    connection& on = *connection_of(at);
    connection::end& end = on.ends[0];
    if (on.now == connection::state::opening) return false;
    connect.result = -std::exchange(end.error, 0);
    net_.record({.what = happening::connect,
                 .host = host_,
                 .peer = host_,
                 .connection = on.number,
                 .result = connect.result});
    if (connect.result == 0)
        connect.connected = id;
    else
        release(id, at);
    return true;
}

// ---- receiving

bool sim_loop::start_receive(socket_id from, receive_operation& receive) {
    const machine_work working;
    receive.bytes = {};
    socket* at = sockets_.find(from);
    if (!at) return receive.result = -EBADF, true;
    assert(at->is == role::connection && !at->incoming);
    const bool at_once =
        without_buffer_.empty() && buffers_.available() && !net_.happens(net_.options.faults.not_at_once);
    if (at_once && attempt_receive(*at, receive)) return true;
    wait(from, *at, receive, false);
    if (!at_once) changed(from, false);
    return false;
}

bool sim_loop::attempt_receive(socket& at, receive_operation& receive) {
    connection& on = *connection_of(at);
    connection::end& end = on.ends[at.side];
    pipe& in = on.into(at.side);
    event seen{
        .what = happening::receive, .host = host_, .peer = host_, .connection = on.number, .offset = in.read};
    if (in.unread() == 0) {
        if (!end.broken && !in.fin_arrived) return false;
        receive.result = -std::exchange(end.error, 0);
    } else {
        // Those who wait for a buffer go first, in their order.
        const bool first = without_buffer_.empty() || &without_buffer_.front() == &receive;
        if (!buffers_.available() || !first) {
            if (!static_cast<queue_hook&>(receive).linked()) without_buffer_.push_back(receive);
            return false;
        }
        std::size_t count = std::min<std::size_t>(in.unread(), buffers_.size());
        if (net_.happens(net_.options.faults.partial_receive))
            count = net_.below(3) == 0 ? 1 : 1 + net_.below(count);
        const std::uint32_t buffer = buffers_.lend();
        std::memcpy(buffers_.memory(buffer), in.bytes.data() + in.gone, count);
        receive.bytes = {buffers_.memory(buffer), static_cast<std::uint32_t>(count), buffer};
        receive.result = static_cast<int>(count);
        in.consume(count);
        seen.size = receive.bytes.size;
        if (!end.broken) net_.after_read(on, at.side);
    }
    seen.result = std::min(receive.result, 0);
    net_.record(seen);
    return true;
}

void sim_loop::give_back(lent_bytes bytes) noexcept {
    if (!bytes) return;
    std::memset(buffers_.memory(bytes.buffer), given_back, bytes.size);
    buffers_.give_back(bytes.buffer);
    if (!without_buffer_.empty()) awake_ = true;
}

/// The one who has waited longest for a buffer is tried as soon as there is one.
void sim_loop::serve_those_without_buffer() {
    if (without_buffer_.empty() || !buffers_.available()) return;
    due(without_buffer_.front().socket, false);
}

// ---- sending

bool sim_loop::start_send(socket_id to, send_operation& send) {
    const machine_work working;
    socket* at = sockets_.find(to);
    if (!at) return send.result = -EBADF, true;
    assert(at->is == role::connection && !at->outgoing);
    const bool at_once = !net_.happens(net_.options.faults.not_at_once);
    if (at_once && attempt_send(*at, send)) return true;
    wait(to, *at, send, true);
    if (!at_once) changed(to, true);
    return false;
}

/// The memory is read when the operation completes, not when it begins: whoever lets go of it earlier is
/// found out.
bool sim_loop::attempt_send(socket& at, send_operation& send) {
    connection& on = *connection_of(at);
    connection::end& end = on.ends[at.side];
    pipe& out = on.out_of(at.side);
    event seen{
        .what = happening::send, .host = host_, .peer = host_, .connection = on.number, .offset = out.taken};
    send.result = fails(happening::send, &on);
    if (send.result == 0 && (end.broken || out.fin_queued))
        send.result = end.error ? -std::exchange(end.error, 0) : -EPIPE;
    if (send.result == 0 && net_.happens(net_.options.faults.send_fails)) send.result = -ENOBUFS;
    if (send.result == 0) {
        const std::uint64_t under_way = out.taken - out.acked;
        const std::uint32_t room_max = net_.at(host_).options.send_buffer;
        if (under_way >= room_max) return false;
        std::size_t offered = 0;
        for (const iovec& part : send.parts)
            offered += part.iov_len;
        std::size_t count = std::min<std::size_t>(offered, room_max - under_way);
        if (count > 1 && net_.happens(net_.options.faults.short_send)) count = 1 + net_.below(count);
        send.result = static_cast<int>(count);
        for (const iovec& part : send.parts) {
            const std::size_t taken = std::min(count, part.iov_len);
            out.bytes.append(static_cast<const char*>(part.iov_base), taken);
            count -= taken;
        }
        out.taken += static_cast<std::uint64_t>(send.result);
        seen.size = static_cast<std::uint32_t>(send.result);
    }
    seen.result = std::min(send.result, 0);
    net_.record(seen);
    if (send.result > 0) net_.pump(on, at.side);
    return true;
}

// ---- ending, and knowing

int sim_loop::shutdown_send(socket_id which) noexcept {
    const machine_work working;
    socket* at = sockets_.find(which);
    if (!at || at->is != role::connection) return -EBADF;
    connection& on = *connection_of(*at);
    if (on.ends[at->side].broken) return -ENOTCONN;
    if (std::exchange(on.out_of(at->side).fin_queued, true)) return 0;
    net_.record({.what = happening::shutdown, .host = host_, .peer = host_, .connection = on.number});
    net_.pump(on, at->side);
    return 0;
}

void sim_loop::close(socket_id which, bool reset) noexcept {
    const machine_work working;
    socket* at = sockets_.find(which);
    if (!at) return;
    assert(!at->incoming && !at->outgoing && "an operation is in flight on the socket that is closed");
    net_.record({.what = happening::close,
                 .host = host_,
                 .peer = host_,
                 .connection = at->connection,
                 .result = reset ? -ECONNRESET : 0});
    if (connection* on = connection_of(*at)) {
        net_.close(*on, at->side, reset);
    } else {
        std::erase(listeners_, which);
        for (const std::uint32_t each : *at->backlog)
            net_.close(*net_.find(each), 1, true);
    }
    sockets_.release(which);
}

/// As `close`, whatever is in flight.
void sim_loop::release(socket_id id, socket& at) noexcept {
    at.incoming = at.outgoing = nullptr;
    close(id, false);
}

endpoint sim_loop::local(socket_id which) const noexcept {
    const socket* at = sockets_.find(which);
    if (!at) return {};
    const connection* on = connection_of(*at);
    return on ? on->ends[at->side].address : at->where;
}

endpoint sim_loop::remote(socket_id which) const noexcept {
    const socket* at = sockets_.find(which);
    const connection* on = at ? connection_of(*at) : nullptr;
    return on ? on->ends[1 - at->side].address : endpoint{};
}

std::vector<endpoint> sim_loop::look_up(const std::string& name, std::uint16_t port) {
    return net_.look_up(host_, name, port);
}

tcp_facts sim_loop::facts(socket_id which) const {
    tcp_facts known;
    const socket* at = sockets_.find(which);
    connection* on = at ? connection_of(*at) : nullptr;
    if (!on) return known;
    using std::chrono::duration_cast;
    const pipe& out = on->out_of(at->side);
    const pipe& in = on->into(at->side);
    known.state = on->ends[at->side].broken ? "CLOSE" : in.fin_arrived ? "CLOSE_WAIT" : "ESTABLISHED";
    known.rtt = known.rtt_min = duration_cast<tcp_facts::microseconds>(on->round_trip);
    known.send_window = static_cast<std::uint32_t>(out.edge - std::min(out.edge, out.sent));
    known.receive_window = static_cast<std::uint32_t>(in.told - std::min(in.told, in.arrived));
    known.bytes_sent = out.sent;
    known.bytes_acknowledged = out.acked;
    known.bytes_received = in.arrived;
    known.bytes_not_sent = static_cast<std::uint32_t>(out.taken - out.sent);
    return known;
}

}  // namespace aperto::sim
