// SPDX-License-Identifier: MIT
// A worker's new clients, from the listener to who serves or refuses them.
#include "aperto/sleep.hpp"
#include "io/socket_calls.hpp"
#include "server/worker.hpp"

#include <new>

namespace aperto {
namespace {

/// How long accepting rests when descriptors or memory have run out, or the system refuses it otherwise.
constexpr duration accept_pause = std::chrono::milliseconds(100);
/// Refused clients that get the time to take the end in order, lest a reset destroy what they have yet to
/// read of their own; those past that are closed at once.
constexpr std::size_t refusals_max = 16;
/// The next client of a listener, as a socket: what it becomes depends on the handler.
struct socket_awaiter : listener::accept_awaiter {
    explicit socket_awaiter(listener& from) noexcept : accept_awaiter(from) {}
    socket_id await_resume() { return take_socket(); }
};

/// The errno values of accept(2) that say that there is no listener any more. Every other one may pass.
bool is_end_of_listener(const std::error_code& code) noexcept {
    return code == std::errc::bad_file_descriptor || code == std::errc::invalid_argument ||
           code == std::errc::not_a_socket || code == std::errc::operation_not_supported;
}

}  // namespace

task<> worker::accept_from(door& from) {
    for (;;) {
        std::error_code refused;
        try {
            task<> possible = wait_for_room(from);
            co_await possible;
            task<> one = accept_one(from);
            co_await one;
        } catch (const cancellation&) {
            co_return;
        } catch (const error& failed) {
            if (is_end_of_listener(failed.code())) {
                deaf_ = true;  // a server that cannot accept any more ends, rather than seem to serve
                stop_.notify_all();
                throw;
            }
            refused = failed.code();
        } catch (const std::bad_alloc&) {
            refused = std::make_error_code(std::errc::not_enough_memory);
        }
        if (!refused) continue;
        shared_.strike(io::is_scarcity(refused) ? limit::descriptors : limit::accept_errors, {}, refused);
        detail::sleep_awaiter pause = sleep(accept_pause);
        co_await pause;
    }
}

/// A client that has no owner yet.
struct worker::arrival {
    arrival(loop& at, socket_id client, const endpoint& from, unsigned to) noexcept
        : on(at), socket(client), who(from), place(to) {}
    arrival(const arrival&) = delete;
    arrival& operator=(const arrival&) = delete;
    ~arrival() {
        if (socket) on.close(socket, true);
    }
    stream open(const std::shared_ptr<const stream_options>& options) {
        auto* const opened = new connection(on, socket, who, options);
        socket = {};
        if (first) first->hand_to(*opened);
        return stream(opened);
    }
    loop& on;
    socket_id socket;
    endpoint who;
    unsigned place;
    first_bytes* first = nullptr;  ///< where it came through a proxy
};

/// Serves those whose connection the kernel has completed already: closing the listener would reset them. As
/// many as its queue holds, lest those who come meanwhile keep it open.
void worker::accept_queued() noexcept {
    if (shared_.sockets.waits) return;  // they are another server's clients
    for (const auto& each : doors_) {
        for (int left = shared_.options.socket.backlog; left > 0 && !is_full(each->place); --left) {
            accept_operation next(loop_);
            if (!each->socket.accept_queued(next) || next.result < 0) break;
            try {
                arrival client(loop_, next.accepted, next.peer, each->place);
                receive_client(client);
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
                // No memory to serve it: its arrival has closed it.
            }
        }
    }
}

task<> worker::accept_one(door& from) {
    socket_awaiter next(from.socket);
    const socket_id socket = co_await next;
    arrival client(loop_, socket, next.peer, from.place);
    if (!is_full(from.place)) co_return receive_client(client);
    // Another worker took the last place while this one waited for a client.
    try {
        task<> possible = wait_for_room(from);
        co_await possible;
    } catch (const cancellation&) {  // NOLINT(bugprone-empty-catch)
        // The server stops: no more come, and this one is not to be reset.
    }
    receive_client(client);
}

void worker::receive_client(arrival& client) {
    if (!terms_at(client.place).proxies.contains(client.who)) return admit(client);
    proxy_greeting::start(*this, client.socket, client.who, client.place);
    client.socket = {};
}

void worker::admit_greeted(socket_id client, const endpoint& who, unsigned place, first_bytes& first) {
    arrival known(loop_, client, who, place);
    known.first = &first;
    admit(known);
}

void worker::refuse_greeted(socket_id client, const endpoint& proxy, unsigned place, limit why) {
    arrival unknown(loop_, client, proxy, place);
    refuse(unknown, why);
}

void worker::admit(arrival& client) {
    admission::answer answer = shared_.door->ask(*terms_, client.who, loop_.now());
    if (answer.refused)
        refuse(client, *answer.refused);
    else
        serve(client, std::move(answer.taken));
}

void worker::serve(arrival& client, admission::place counted) {
    if (!shared_.what.on_message()) {
        session::start(*this, client.open(streams(client.place)), client.place, std::move(counted));
    } else {
        message_conversation::start(*this, client.socket, client.who, client.place, std::move(counted),
                                    client.first);
        client.socket = {};
    }
}

void worker::refuse(arrival& client, limit why) {
    shared_.strike(why, client.who, errc::refused_by_policy);
    if (refusals_ >= refusals_max) return loop_.close(std::exchange(client.socket, {}));
    task<> ending = turn_away(client.open(places_[client.place].plain));
    loop_.spawn(std::move(ending), &serving_);
}

task<> worker::turn_away(stream peer) {
    struct one_more {
        worker& at;
        explicit one_more(worker& where) : at(where) { ++at.refusals_; }
        ~one_more() {
            if (--at.refusals_ == 0) at.empty_.notify_all();
        }
    } const counted(*this);
    task<> ended = peer.close();
    co_await ended;
}

task<> worker::wait_for_room(door& at) {
    while (shared_.sockets.waits) {
        event::waiter taken_over = at.room.wait();  // announced then too
        co_await taken_over;
    }
    if (!is_full(at.place)) co_return;
    if (!shared_.options.once) shared_.strike(limit::max_connections, {}, errc::refused_by_policy);
    while (is_full(at.place)) {
        event::waiter freed = at.room.wait();
        co_await freed;
    }
}

}  // namespace aperto
