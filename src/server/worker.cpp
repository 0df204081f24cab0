// SPDX-License-Identifier: MIT
#include "server/worker.hpp"

#include "aperto/sleep.hpp"
#include "io/socket_calls.hpp"

#include <algorithm>
#include <cassert>
#include <new>

namespace aperto {
namespace {

/// How long accepting rests when descriptors or memory have run out, or the system refuses it otherwise.
constexpr duration accept_pause = std::chrono::milliseconds(100);
/// Refused clients that get the time to take the end in order, lest a reset destroy what they have yet to
/// read of their own; those past that are closed at once.
constexpr std::size_t refusals_max = 16;
/// Connections that one look through all of them finds to be ended for the memory they hold.
constexpr std::size_t shed_at_once = 32;

std::shared_ptr<const stream_options> stream_options_of(const options& chosen,
                                                        std::shared_ptr<memory_account> account) {
    stream_options each;
    each.framing = chosen.framing;
    each.finder = chosen.finder;
    each.max_message = chosen.max_message;
    each.idle_timeout = chosen.idle_timeout;
    each.handshake_deadline = chosen.handshake_deadline;
    each.message_deadline = chosen.message_deadline;
    each.write_deadline = chosen.write_deadline;
    each.high_water = chosen.high_water;
    each.account = std::move(account);
    each.transport = chosen.transport;
    return std::make_shared<const stream_options>(each);
}

/// For clients that are turned away: they are told nothing, so that nobody need understand it.
std::shared_ptr<const stream_options> without_transport(const std::shared_ptr<const stream_options>& from) {
    if (!from->transport) return from;
    stream_options plain = *from;
    plain.transport.reset();
    return std::make_shared<const stream_options>(std::move(plain));
}

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

worker::worker(loop& on, server_shared& shared)
    : loop_(on),
      shared_(shared),
      terms_(shared.terms()),
      memory_(std::make_shared<ledger>(terms_->memory_budget, *this)),
      places_(streams_of(*terms_, memory_)),
      background_(shared.workers_made.fetch_add(1)),
      timing_(*this),
      times_answers_(shared.events.times_answers()),
      stop_request_(*this, &worker::on_stop),
      room_request_(*this, &worker::on_room),
      terms_request_(*this, &worker::on_terms) {
    shared_.enrol(*this);
}

worker::~worker() {
    // Where the loop was dropped: the conversations that no coroutine owned.
    conversations_.for_each([](conversation& each) {
        if (each.handling_ == conversation::handling::messages)
            delete static_cast<message_conversation*>(&each);
    });
    greetings_.for_each([](proxy_greeting& each) { delete &each; });
    memory_->owner = nullptr;  // connections that a handler gave away may still charge it
    shared_.leave(*this);
    loop_.withdraw(stop_request_);
    loop_.withdraw(room_request_);
    loop_.withdraw(terms_request_);
}

task<> worker::run() {
    task_group accepting;
    // Made before there is anything to end, lest there be no memory for it then.
    task<> cutting = give_up(accepting, accepting.join(), cut(serving_, &worker::has_conversations),
                             cut(beside_, &worker::has_background));
    std::exception_ptr broken;
    try {
        if (shared_.options.background) loop_.spawn(run_background(), &beside_);
        for (const auto& each : doors_)
            accepting.spawn(accept_from(*each));
        task<> served = serve_until_drained(accepting);
        co_await served;
    } catch (...) {
        broken = std::current_exception();
    }
    if (!broken && background_failure_) std::rethrow_exception(background_failure_);
    if (!broken) co_return;
    // Cancelled, or unable to accept. Whoever looks at this worker has to end before it does: that wait is in
    // a scope that nobody cancels.
    cancel_scope apart;
    cutting.in(apart);
    co_await cutting;
    std::rethrow_exception(broken);
}

task<> worker::serve_until_drained(task_group& accepting) {
    task<> asked = wait_for_stop();
    co_await asked;
    accepting.cancel();
    task<> closed = accepting.join();
    co_await closed;
    accept_queued();
    stopping_ = true;
    background_.stopping_.set();
    doors_.clear();
    task<> drained = drain();
    co_await drained;
}

task<> worker::give_up(task_group& accepting, task<> closed, task<> conversations, task<> background) {
    stopping_ = true;
    background_.stopping_.set();
    accepting.cancel();
    try {
        co_await closed;
    } catch (...) {  // NOLINT(bugprone-empty-catch)
        // What ended the serving is known already.
    }
    doors_.clear();
    co_await conversations;
    background_.drained_.set();
    co_await background;
}

void worker::on_room() noexcept {
    for (const auto& each : doors_)
        each->room.notify_all();
}

/// From now on for new connections; those that there are keep what they were promised.
void worker::on_terms() noexcept {
    try {
        take_terms();
    } catch (...) {  // NOLINT(bugprone-empty-catch)
        // No memory for them: the old ones hold here until the next time.
    }
    on_room();
}

void worker::take_terms() {
    std::shared_ptr<const server_terms> next = shared_.terms();
    auto places = streams_of(*next, memory_);
    memory_->set_budget(next->memory_budget);
    terms_ = std::move(next);
    places_ = std::move(places);
}

std::vector<worker::place_streams> worker::streams_of(const server_terms& terms,
                                                      const std::shared_ptr<ledger>& memory) {
    std::vector<place_streams> all;
    for (const place_terms& each : terms.places) {
        auto streams = stream_options_of(each.options, memory);
        auto plain = without_transport(streams);
        all.push_back({std::move(streams), std::move(plain)});
    }
    return all;
}

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
        task<> conversation =
            session::run(*this, client.open(streams(client.place)), client.place, std::move(counted));
        loop_.spawn(std::move(conversation), &serving_);
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

void worker::on_budget_spent(turn_hook& spent) {
    if (worker* const owner = static_cast<ledger&>(spent).owner) owner->shed();
}

/// Ends the connections that hold much and move little, the worst first, until an eighth of the budget will
/// be free again. It needs no memory: it finds the worst few in one pass through all, as often as it has to.
void worker::shed() noexcept {
    struct candidate {
        conversation* who = nullptr;
        double weight = 0;
        bool operator<(const candidate& other) const noexcept { return weight > other.weight; }
    };
    std::size_t left = memory_->used();
    const std::size_t enough = memory_->budget() / 8 * 7;
    while (left > enough) {
        std::array<candidate, shed_at_once> worst{};  // a heap, the least of them first
        conversations_.for_each([&](conversation& each) {
            const double weight = each.weight();
            if (weight <= worst.front().weight) return;
            std::pop_heap(worst.begin(), worst.end());
            worst.back() = {&each, weight};
            std::push_heap(worst.begin(), worst.end());
        });
        std::sort_heap(worst.begin(), worst.end());
        if (!worst.front().who) return;
        for (const candidate& each : worst) {
            if (!each.who || left <= enough) break;
            left -= std::min(left, each.who->shed());
        }
    }
}

void worker::answer_timing::tell() noexcept {
    const std::size_t answered = std::exchange(messages, 0);
    if (answered > 0) of.shared_.events.answered(of.loop_.read_now() - since, answered);
}

void worker::began(proxy_greeting& one) noexcept {
    greetings_.push_back(one);
    ++greeting_count_;
    take_place(one.place());
    shared_.greetings.fetch_add(1);
}

void worker::greeting_ended(unsigned place) noexcept {
    shared_.greetings.fetch_sub(1);
    leave_place(place);
    if (--greeting_count_ == 0) empty_.notify_all();
}

void worker::began(conversation& one) noexcept {
    // Who looks through them finds his place again by that.
    assert(conversations_.empty() || conversations_.back().id_ < one.id_);
    conversations_.push_back(one);
    ++conversation_count_;
    take_place(one.place_);
    shared_.accepted.fetch_add(1, std::memory_order_relaxed);
    if (stopping_) one.end_when_idle();
}

void worker::take_place(unsigned place) noexcept {
    shared_.connections.fetch_add(1);
    shared_.connections_at[place].fetch_add(1);
}

void worker::leave_place(unsigned place) noexcept {
    const bool were_most = shared_.connections.fetch_sub(1) == shared_.connections_max.load();
    const bool were_most_there =
        shared_.connections_at[place].fetch_sub(1) == terms_at(place).connections_max;
    if (were_most || were_most_there) shared_.ask_each_worker(&worker::tell_of_room);
}

void worker::ended(conversation& one) noexcept {
    walks_.for_each([&](walk& each) {
        if (each.next == &one) each.next = conversations_.after(one);
    });
    leave_place(one.place_);
    if (--conversation_count_ == 0) empty_.notify_all();
}

}  // namespace aperto
