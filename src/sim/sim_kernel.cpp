// SPDX-License-Identifier: MIT
// Descriptors of a simulated machine, and who is told of what becomes of them. Calls on connections are in
// sim_calls.cpp.
#include "sim/sim_kernel.hpp"

#include "sim/machine_work.hpp"
#include "sim/network.hpp"
#include "sim/program.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace aperto::sim {
namespace {

constexpr duration lateness_max = std::chrono::milliseconds(5);
constexpr std::array accept_errors{EMFILE, ENFILE, ENOBUFS, ENOMEM};
/// Standard input, output and error are there.
constexpr std::size_t first_descriptor = 3;

}  // namespace

// ---- files

file::~file() {
    watchers.for_each([](watcher& each) {
        each.unlink();
        each.bereft();
    });
    os.let_go(*this);
}

sim_kernel::~sim_kernel() { table_.clear(); }

std::shared_ptr<file> sim_kernel::make(file::kind what) {
    auto made = std::make_shared<file>(*this, what, ++serials_);
    files_.emplace(made->serial, made.get());
    return made;
}

int sim_kernel::add(std::shared_ptr<file> what) noexcept {
    std::size_t at = first_descriptor;
    while (at < table_.size() && table_[at])
        ++at;
    if (at >= table_.size()) table_.resize(at + 1);
    table_[at] = std::move(what);
    ++used_;
    return static_cast<int>(at);
}

std::shared_ptr<file> sim_kernel::find(int descriptor) const noexcept {
    const auto at = static_cast<std::size_t>(descriptor);
    return descriptor >= 0 && at < table_.size() ? table_[at] : nullptr;
}

void sim_kernel::close(int descriptor) noexcept {
    const machine_work working;
    if (dead_) return;
    if (!find(descriptor)) return net_.keep_failure("a descriptor was closed that is not open");
    --used_;
    // Out of the table first: its end may lead back here.
    const std::shared_ptr<file> last = std::move(table_[static_cast<std::size_t>(descriptor)]);
}

void sim_kernel::let_go(file& gone) noexcept {
    files_.erase(gone.serial);
    if (gone.is == file::kind::wake_up) return;
    net_.record({.what = happening::close,
                 .host = host_,
                 .peer = host_,
                 .connection = gone.connection,
                 .result = gone.reset_on_close ? -ECONNRESET : 0});
    if (sim::connection* on = connection_of(gone)) net_.close(*on, gone.side, gone.reset_on_close);
    std::erase(listeners_, &gone);
    for (const std::uint32_t each : gone.backlog)
        net_.close(*net_.find(each), 1, true);
}

void sim_kernel::close_all() noexcept {
    dead_ = true;
    used_ = 0;
    // One after the other, in order: what ends each is in the log.
    for (std::shared_ptr<file>& each : table_)
        each.reset();
}

// ---- who is told

void sim_kernel::changed(file& which) {
    if (which.notice_planned) return;
    if (!net_.happens(&faults::late_completion)) return give_notice(which.serial);
    which.notice_planned = true;
    net_.add_plan({.at = net_.elapsed() + net_.up_to(lateness_max),
                   .first = which.serial,
                   .which = host_,
                   .what = plan::kind::notice});
}

void sim_kernel::give_notice(std::uint64_t serial) {
    const auto there = files_.find(serial);
    if (there == files_.end()) return;
    there->second->notice_planned = false;
    there->second->watchers.for_each([](watcher& each) { each.woken(); });
}

std::uint32_t sim_kernel::events(const file& of) const noexcept {
    if (of.is == file::kind::listener) return of.backlog.empty() ? 0U : std::uint32_t{EPOLLIN};
    if (of.is == file::kind::wake_up) return of.wakes > 0 ? std::uint32_t{EPOLLIN} : 0U;
    const sim::connection* on = connection_of(of);
    if (!on) return EPOLLOUT | EPOLLHUP;
    const connection::end& end = on->ends[of.side];
    if (end.broken) return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if (on->now == connection::state::opening) return 0;
    const pipe& in = on->pipes[1 - of.side];
    const pipe& out = on->pipes[of.side];
    std::uint32_t now = 0;
    if (in.unread() > 0) now |= EPOLLIN;
    if (in.fin_arrived) now |= EPOLLIN | EPOLLRDHUP;
    if (out.taken - out.acked < net_.at(host_).options.send_buffer || out.fin_queued) now |= EPOLLOUT;
    return now;
}

// ---- listeners and wake-ups

void sim_kernel::adopt(int /*socket*/, bool /*listening*/) {
    throw error(std::make_error_code(std::errc::operation_not_supported),
                "take over a socket in a simulation: it has none but its own");
}

int sim_kernel::listen(const endpoint& where, const listen_options& options) {
    const machine_work working;
    endpoint actual = where;
    if (where.port() == 0) actual.set_port(net_.at(host_).next_port++);
    for (const file* each : listeners_)
        if (each->where.port() == actual.port() && options.sharing != port_sharing::join)
            throw error::from_result(
                -EADDRINUSE, "listen on", actual.to_string(),
                "Another program listens on that port. Stop it, or choose another port.");
    if (net_.host_of(where, host_) != host_)
        throw error::from_result(-EADDRNOTAVAIL, "listen on", actual.to_string());
    if (used_ >= net_.at(host_).options.descriptors_max)
        throw error::from_result(-EMFILE, "listen on", actual.to_string());
    const std::shared_ptr<file> made = make(file::kind::listener);
    made->where = actual;
    made->backlog_max = static_cast<std::size_t>(std::max(options.backlog, 0)) + 1;
    listeners_.push_back(made.get());
    net_.record({.what = happening::listen, .host = host_, .peer = host_, .size = actual.port()});
    return add(made);
}

file* sim_kernel::listener_for(const endpoint& to, bool& full) noexcept {
    std::array<file*, 8> fitting{};
    std::size_t count = 0;
    for (file* const each : listeners_) {
        // 0.0.0.0 is every address of IPv4; [::] is every address, ipv6(7).
        const bool any = each->where.is_any() && (each->where.family() == AF_INET6 || to.family() == AF_INET);
        if (each->where.port() != to.port() || (!any && each->where.bytes() != to.bytes())) continue;
        if (count < fitting.size()) fitting[count++] = each;
    }
    if (count == 0) return nullptr;
    // Several share the port (SO_REUSEPORT): one of them gets the client.
    file* const chosen = fitting[count == 1 ? 0 : net_.below(count)];
    full = chosen->backlog.size() >= chosen->backlog_max;
    return chosen;
}

void sim_kernel::queue(file& listener, std::uint32_t connection) {
    listener.backlog.push_back(connection);
    changed(listener);
}

bool sim_kernel::has_client(int listener) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = find(listener);
    return !at || !at->backlog.empty();
}

int sim_kernel::accept(int listener, endpoint& who) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = find(listener);
    if (!at) return -EBADF;
    if (interrupted()) return -EINTR;
    if (at->backlog.empty()) return -EAGAIN;
    int result = fails(happening::accept, nullptr);
    if (result == 0 && used_ >= net_.at(host_).options.descriptors_max) result = -EMFILE;
    if (result == 0 && net_.happens(&faults::accept_fails))
        result = -accept_errors[net_.below(accept_errors.size())];
    const std::uint32_t number = at->backlog.front();
    net_.record(
        {.what = happening::accept, .host = host_, .peer = host_, .connection = number, .result = result});
    if (result < 0) return result;
    at->backlog.pop_front();
    const std::shared_ptr<file> made = make(file::kind::connection);
    made->side = 1;
    made->connection = number;
    net_.attach(*net_.find(number), 1, *made);
    who = net_.find(number)->ends[0].address;
    return add(made);
}

int sim_kernel::open_wake_up() {
    const machine_work working;
    return add(make(file::kind::wake_up));
}

void sim_kernel::wake(int wake_up) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = find(wake_up);
    if (!at) return;
    ++at->wakes;
    give_notice(at->serial);
    net_.wake(host_);
}

void sim_kernel::calm(int wake_up) noexcept {
    if (const std::shared_ptr<file> at = find(wake_up)) at->wakes = 0;
}

}  // namespace aperto::sim
