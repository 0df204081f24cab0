// SPDX-License-Identifier: MIT
#include "server/doors.hpp"

#include "aperto/error.hpp"
#include "io/host_text.hpp"
#include "io/socket_calls.hpp"
#include "server/worker.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace aperto {
namespace {

std::vector<endpoint> look_up_place(loop& on, const host_port& where) {
    return where.host.empty() ? std::vector{endpoint::any(where.port)} : on.look_up(where.host, where.port);
}

/// Those that are not open already, but for Unix sockets.
std::vector<place_to_open> addresses(loop& on, const options& chosen) {
    std::vector<place_to_open> all;
    const auto add = [&](const host_port& where, unsigned place) {
        for (const endpoint& each : look_up_place(on, where))
            all.push_back({each, place});
    };
    if (chosen.listen_fds.empty() && !io::names_unix_socket(chosen.host)) add({chosen.host, chosen.port}, 0);
    for (unsigned at = 0; at < chosen.also_listen.size(); ++at) {
        const std::string& name = chosen.also_listen[at].where;
        if (!io::names_unix_socket(name)) add(host_port::parse(name, chosen.port), at + 1);
    }
    return all;
}

/// Port 0 is any port, and every address of a machine without IPv6 is every IPv4 address.
bool is_wanted(const endpoint& wanted, const endpoint& found) {
    if (wanted.family() == AF_UNIX || found.family() == AF_UNIX) return wanted == found;
    endpoint same_port = wanted;
    if (wanted.port() == 0) same_port.set_port(found.port());
    return same_port == found || (wanted.is_any() && found.is_any() && same_port.port() == found.port());
}

/// Takes them out of `from`.
open_sockets take(std::vector<open_sockets>& from, const endpoint& wanted) {
    const auto found = std::find_if(from.begin(), from.end(),
                                    [&](const open_sockets& each) { return is_wanted(wanted, each.where); });
    if (found == from.end()) return {};
    open_sockets taken = std::move(*found);
    from.erase(found);
    return taken;
}

descriptor duplicate(int socket) {
    descriptor mine(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
    if (!mine) throw error::from_result(-errno, "listen on a socket that was handed over");
    return mine;
}

std::vector<open_sockets> by_address(const std::vector<int>& sockets) {
    std::vector<open_sockets> all;
    for (const int socket : sockets) {
        const endpoint where = io::local_of(socket);
        const auto same = std::find_if(
            all.begin(), all.end(), [&](const open_sockets& each) { return where && each.where == where; });
        if (same == all.end())
            all.push_back({where, {socket}, 0});
        else
            same->descriptors.push_back(socket);
    }
    return all;
}

}  // namespace

unix_doors open_unix_doors(const options& chosen, const succession& whose) {
    std::vector<open_sockets> handed_over = by_address(chosen.handed_over);
    unix_doors doors;
    for (unsigned place = chosen.listen_fds.empty() ? 0 : 1; place <= chosen.also_listen.size(); ++place) {
        const std::string& name = place == 0 ? chosen.host : chosen.also_listen[place - 1].where;
        if (!io::names_unix_socket(name)) continue;
        const endpoint where = endpoint::parse(name);
        const open_sockets there = take(handed_over, where);
        const bool is_new = there.descriptors.empty();
        descriptor socket = is_new ? descriptor(io::open_listener(where, chosen.socket))
                                   : duplicate(there.descriptors.front());
        doors.push_back(std::make_unique<unix_door>(std::move(socket), where, place, whose, !is_new));
    }
    return doors;
}

doors_to_be find_doors(loop& on, const options& chosen, const unix_doors& named) {
    doors_to_be found;
    for (const int inherited : chosen.listen_fds)
        found.open.push_back({io::local_of(inherited), {inherited}, 0});
    for (const auto& each : named)
        found.open.push_back({each->where(), {each->socket.get()}, each->place()});
    std::vector<open_sockets> handed_over = by_address(chosen.handed_over);
    for (const place_to_open& wanted : addresses(on, chosen)) {
        open_sockets there = take(handed_over, wanted.where);
        there.place = wanted.place;
        if (there.descriptors.empty())
            found.own.push_back(wanted);
        else
            found.open.push_back(std::move(there));
    }
    return found;
}

void open_doors::add(int socket) {
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
}

void open_doors::remove(int socket) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase(sockets_, socket);
}

std::vector<int> open_doors::duplicates() const {
    const std::lock_guard lock(mutex_);
    std::vector<descriptor> copies;
    for (const int each : sockets_)
        copies.push_back(duplicate(each));
    std::vector<int> numbers;
    numbers.reserve(copies.size());
    for (descriptor& each : copies)
        numbers.push_back(each.release());
    return numbers;
}

void open_doors::renew(const listen_options& options) const noexcept {
    const std::lock_guard lock(mutex_);
    for (const int each : sockets_)
        io::renew_listener(each, options);
}

// ---- of a worker

/// Each worker has a descriptor of its own, also for a queue of clients that it shares.
void worker::add_open(const open_sockets& from) {
    const unsigned index = background_.index();
    for (std::size_t at = 0; at < from.descriptors.size(); ++at) {
        if (!from.is_for(index, shared_.workers, at)) continue;
        descriptor mine = duplicate(from.descriptors[at]);
        listener open = listener::from_fd(loop_, mine.get(), places_[from.place].streams);
        static_cast<void>(mine.release());
        doors_.push_back(std::make_unique<door>(std::move(open), from.place));
        if (open_sockets::is_first(index, shared_.workers, at)) make_known(*doors_.back());
    }
}

void worker::make_known(door& one) {
    const int socket = one.socket.native_handle();
    if (socket < 0) return;
    shared_.listening.add(socket);
    one.known_to = &shared_.listening;
}

std::vector<place_to_open> worker::listen(port_sharing sharing) {
    for (const open_sockets& each : shared_.doors.open)
        add_open(each);
    const std::size_t open = doors_.size();
    const auto takes_any_port = [](const place_to_open& each) { return each.where.port() == 0; };
    const auto& own = shared_.doors.own;
    const bool may_choose_again = open == 0 && std::all_of(own.begin(), own.end(), takes_any_port);
    for (int tries_left = may_choose_again ? 8 : 1;;) {
        try {
            return open_own(sharing);
        } catch (const error& failed) {
            // The port that the first address got may be somebody's at another one.
            if (--tries_left == 0 || failed.code() != std::errc::address_in_use) throw;
            doors_.resize(open);
        }
    }
}

std::vector<place_to_open> worker::open_own(port_sharing sharing) {
    listen_options socket = shared_.options.socket;
    socket.sharing = sharing;
    std::vector<place_to_open> own;
    for (auto [where, place] : shared_.doors.own) {
        // Where any port will do, every address gets the same.
        if (where.port() == 0 && !doors_.empty()) where.set_port(doors_.front()->socket.local().port());
        doors_.push_back(std::make_unique<door>(loop_, where, socket, places_[place].streams, place));
        make_known(*doors_.back());
        own.push_back({doors_.back()->socket.local(), place});
    }
    return own;
}

std::vector<endpoint> worker::endpoints() const {
    std::vector<endpoint> all;
    for (const auto& each : doors_) {
        const endpoint where = each->socket.local();
        if (!where || std::find(all.begin(), all.end(), where) == all.end()) all.push_back(where);
    }
    return all;
}

}  // namespace aperto
