// SPDX-License-Identifier: MIT
#include "server/worker.hpp"

#include <algorithm>
#include <cassert>
#include <new>

namespace aperto {
namespace {

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
      sampler_(shared.options.trace_messages > 0
                   ? std::make_unique<message_sampler>(loop_, shared.events, shared.options.trace_messages,
                                                       background_.index())
                   : nullptr),
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
