// SPDX-License-Identifier: MIT
// The system calls on simulated connections.
#include "sim/machine_work.hpp"
#include "sim/network.hpp"
#include "sim/sim_kernel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace aperto::sim {
namespace {

constexpr std::array connect_errors{EMFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL};

}  // namespace

connection* sim_kernel::connection_of(const file& of) const noexcept {
    return of.is == file::kind::connection ? net_.find(of.connection) : nullptr;
}

bool sim_kernel::interrupted() noexcept { return net_.happens(&faults::interrupted); }

/// What a rule says of a call: 0 or a negative errno.
int sim_kernel::fails(happening what, const sim::connection* on) const {
    if (net_.rules.empty()) return 0;
    const verdict said =
        net_.judge({.what = what, .host = host_, .peer = host_, .connection = on ? on->number : 0});
    return said.what == verdict::kind::fail ? -said.code : 0;
}

// ---- connecting

int sim_kernel::open(const endpoint&, const connect_options&) noexcept {
    const machine_work working;
    int result = fails(happening::connect, nullptr);
    if (result == 0 && used_ >= net_.at(host_).options.descriptors_max) result = -EMFILE;
    if (result == 0 && net_.happens(&faults::connect_fails))
        result = -connect_errors[net_.below(connect_errors.size())];
    if (result == 0) return add(make(file::kind::connection));
    net_.record({.what = happening::connect, .host = host_, .peer = host_, .result = result});
    return result;
}

int sim_kernel::connect(int socket, const endpoint& to) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = find(socket);
    return at ? connect(*at, to) : -EBADF;
}

int sim_kernel::connect(file& socket, const endpoint& to) {
    socket.connection = net_.connect(host_, to, socket).number;
    return -EINPROGRESS;
}

int sim_kernel::connected(file& socket) noexcept {
    sim::connection* const on = connection_of(socket);
    if (!on) return -ENOTCONN;
    if (on->now == connection::state::opening) return -EINPROGRESS;
    const int result = -std::exchange(on->ends[0].error, 0);
    net_.record({.what = happening::connect,
                 .host = host_,
                 .peer = host_,
                 .connection = on->number,
                 .result = result});
    return result;
}

int sim_kernel::take_error(int socket) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = find(socket);
    if (!at) return -EBADF;
    const int result = connected(*at);
    return result == -EINPROGRESS ? 0 : result;
}

// ---- receiving

ssize_t sim_kernel::receive(int socket, char* into, std::size_t size) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = find(socket);
    if (!at) return -EBADF;
    return interrupted() ? -EINTR : receive(*at, into, size);
}

ssize_t sim_kernel::receive(file& from, char* into, std::size_t size) {
    sim::connection* const found = connection_of(from);
    if (!found) return -ENOTCONN;
    sim::connection& on = *found;
    connection::end& end = on.ends[from.side];
    pipe& in = on.into(from.side);
    event seen{
        .what = happening::receive, .host = host_, .peer = host_, .connection = on.number, .offset = in.read};
    ssize_t result = 0;
    if (in.unread() == 0) {
        if (!end.broken && !in.fin_arrived) return -EAGAIN;
        result = -std::exchange(end.error, 0);
    } else {
        std::size_t count = std::min<std::size_t>(in.unread(), size);
        if (net_.happens(&faults::partial_receive)) count = net_.below(3) == 0 ? 1 : 1 + net_.below(count);
        // Less than there was room for, and more is there: as if that had come just after, and was told of.
        if (count < size && count < in.unread()) changed(from);
        std::memcpy(into, in.bytes.data() + in.gone, count);
        result = static_cast<ssize_t>(count);
        in.consume(count);
        seen.size = static_cast<std::uint32_t>(count);
        if (!end.broken) net_.after_read(on, from.side);
    }
    seen.result = static_cast<int>(std::min<ssize_t>(result, 0));
    net_.record(seen);
    return result;
}

ssize_t sim_kernel::look(int socket) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = find(socket);
    sim::connection* const on = at ? connection_of(*at) : nullptr;
    if (!on) return -EBADF;
    if (interrupted()) return -EINTR;
    const pipe& in = on->into(at->side);
    connection::end& end = on->ends[at->side];
    if (in.unread() > 0) return 1;
    if (!end.broken && !in.fin_arrived) return -EAGAIN;
    return -std::exchange(end.error, 0);
}

// ---- sending

ssize_t sim_kernel::send(int socket, std::span<iovec> parts) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = find(socket);
    if (!at) return -EBADF;
    return interrupted() ? -EINTR : send(*at, parts);
}

ssize_t sim_kernel::send(file& to, std::span<const iovec> parts) {
    sim::connection* const found = connection_of(to);
    if (!found) return -ENOTCONN;
    sim::connection& on = *found;
    connection::end& end = on.ends[to.side];
    pipe& out = on.out_of(to.side);
    event seen{
        .what = happening::send, .host = host_, .peer = host_, .connection = on.number, .offset = out.taken};
    int result = fails(happening::send, &on);
    if (result == 0 && (end.broken || out.fin_queued))
        result = end.error ? -std::exchange(end.error, 0) : -EPIPE;
    if (result == 0 && net_.happens(&faults::send_fails)) result = -ENOBUFS;
    if (result == 0) {
        const std::uint64_t under_way = out.taken - out.acked;
        const std::uint32_t room_max = net_.at(host_).options.send_buffer;
        if (under_way >= room_max) return -EAGAIN;
        std::size_t offered = 0;
        for (const iovec& part : parts)
            offered += part.iov_len;
        std::size_t count = std::min<std::size_t>(offered, room_max - under_way);
        if (count > 1 && net_.happens(&faults::short_send)) count = 1 + net_.below(count);
        result = static_cast<int>(count);
        for (const iovec& part : parts) {
            const std::size_t taken = std::min(count, part.iov_len);
            out.bytes.append(static_cast<const char*>(part.iov_base), taken);
            count -= taken;
        }
        out.taken += static_cast<std::uint64_t>(result);
        seen.size = static_cast<std::uint32_t>(result);
    }
    seen.result = std::min(result, 0);
    net_.record(seen);
    if (result > 0) net_.pump(on, to.side);
    return result;
}

// ---- ending, and knowing

int sim_kernel::shut_send(int socket) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = find(socket);
    sim::connection* const on = at ? connection_of(*at) : nullptr;
    if (!on) return -EBADF;
    if (on->ends[at->side].broken) return -ENOTCONN;
    if (std::exchange(on->out_of(at->side).fin_queued, true)) return 0;
    net_.record({.what = happening::shutdown, .host = host_, .peer = host_, .connection = on->number});
    net_.pump(*on, at->side);
    return 0;
}

void sim_kernel::reset_on_close(int socket) noexcept {
    if (const std::shared_ptr<file> at = find(socket)) at->reset_on_close = true;
}

endpoint sim_kernel::local(int socket) const noexcept {
    const std::shared_ptr<file> at = find(socket);
    if (!at) return {};
    const sim::connection* on = connection_of(*at);
    return on ? on->ends[at->side].address : at->where;
}

endpoint sim_kernel::remote(int socket) const noexcept {
    const std::shared_ptr<file> at = find(socket);
    const sim::connection* on = at ? connection_of(*at) : nullptr;
    return on ? on->ends[1 - at->side].address : endpoint{};
}

tcp_facts sim_kernel::facts(int socket) const {
    tcp_facts known;
    const std::shared_ptr<file> at = find(socket);
    sim::connection* const on = at ? connection_of(*at) : nullptr;
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
