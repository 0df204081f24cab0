// SPDX-License-Identifier: MIT
#include "aperto/sleep.hpp"
#include "server/worker.hpp"

#include <algorithm>

namespace aperto {
namespace {

/// Idle conversations are ended in steps: so many at least in each, so long apart.
constexpr std::size_t step_min = 16;
constexpr duration step_interval = std::chrono::milliseconds(10);
/// How long a handler whose wait was cancelled may take to unwind: one that caught it, or that waits for
/// something that knows of no cancelling, is then destroyed.
constexpr duration unwinding_max = std::chrono::milliseconds(100);

}  // namespace

/// Until the server is asked to stop, and the time that is left to load balancers is over.
task<> worker::wait_for_stop() {
    while (!shared_.stopping.load() && !deaf_) {
        event::waiter asked = stop_.wait();
        co_await asked;
    }
    if (deaf_ || shared_.sockets.followed || shared_.sockets.waits ||
        terms_->options.drain_delay <= duration::zero())
        co_return;
    detail::sleep_awaiter delay = sleep(terms_->options.drain_delay);
    co_await delay;
}

/// Until every conversation has ended, at the latest until `until`.
task<> worker::wait_for_end(time_point until) {
    while (has_conversations() && loop_.now() < until) {
        event::waiter done = empty_.wait_until(until);
        co_await done;
    }
}

task<> worker::drain() {
    const std::shared_ptr<const server_terms> kept = terms_;
    const options& chosen = kept->options;
    const bool endless = chosen.drain_deadline == forever;
    const time_point deadline = endless ? time_point::max() : loop_.now() + chosen.drain_deadline;
    const time_point grace =
        std::min(deadline, loop_.now() + std::min(chosen.drain_grace, chosen.drain_deadline));
    task<> left_alone = wait_for_end(grace);
    co_await left_alone;
    task<> idle = end_idle(deadline);
    co_await idle;
    task<> in_progress = wait_for_end(deadline);
    co_await in_progress;
    task<> conversations = cut(serving_, &worker::has_conversations);
    co_await conversations;
    task<> beside = end_background(deadline);
    co_await beside;
}

// A loop of its own, so that it needs no memory once it runs.
task<> worker::cut(cancel_scope& scope, bool (worker::*left)() const noexcept) {
    scope.cancel();
    for (time_point until = loop_.now() + unwinding_max; (this->*left)();) {
        if (loop_.now() >= until) {
            loop_.destroy_tasks(scope);
            until = time_point::max();
            continue;
        }
        event::waiter done = empty_.wait_until(until);
        co_await done;
    }
}

// ---- beside the conversations

task<> worker::run_background() {
    struct presence {
        explicit presence(worker& at) noexcept : of(at) { of.background_runs_ = true; }
        worker& of;
        ~presence() {
            of.background_runs_ = false;
            of.empty_.notify_all();
        }
    } const here(*this);
    try {
        task<> running = shared_.options.background(background_);
        co_await running;
    } catch (const cancellation&) {  // NOLINT(bugprone-empty-catch)
        // As it was told.
    } catch (...) {
        background_failure_ = std::current_exception();
        deaf_ = true;
        stop_.notify_all();
    }
}

task<> worker::end_background(time_point until) {
    background_.drained_.set();
    while (background_runs_ && loop_.now() < until) {
        event::waiter done = empty_.wait_until(until);
        co_await done;
    }
    task<> rest = cut(beside_, &worker::has_background);
    co_await rest;
}

/// Ends the idle conversations, and each other one once it is idle: a few at a time, so that clients who come
/// back elsewhere do not all come at once.
task<> worker::end_idle(time_point deadline) {
    const duration spread = std::min(terms_->options.drain_spread, terms_->options.drain_deadline);
    const auto steps = static_cast<std::size_t>(std::max<duration::rep>(1, spread / step_interval));
    const std::size_t step = std::max(step_min, conversation_count_ / steps + 1);
    walk ending(*this);  // who comes while the server stops is told so as he comes
    while (ending.next) {
        for (std::size_t count = 0; count < step && ending.next; ++count) {
            conversation& each = *ending.next;
            ending.next = conversations_.after(each);
            each.end_when_idle();
        }
        if (!ending.next || loop_.now() >= deadline) break;
        event::waiter pause = empty_.wait(step_interval);
        co_await pause;
    }
}

}  // namespace aperto
