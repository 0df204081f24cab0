// SPDX-License-Identifier: MIT
#include "aperto/backend.hpp"

#include "core/timer_wheel.hpp"
#include "io/helper_threads.hpp"
#include "io/mailbox.hpp"
#include "io/turn_budget.hpp"

#include <cassert>
#include <cerrno>
#include <utility>

namespace aperto {
namespace {

template <class Action>
class at_exit {
public:
    explicit at_exit(Action action) noexcept : action_(std::move(action)) {}
    at_exit(const at_exit&) = delete;
    at_exit& operator=(const at_exit&) = delete;
    ~at_exit() { action_(); }

private:
    Action action_;
};

}  // namespace

std::string_view to_string(engine which) noexcept {
    switch (which) {
    case engine::automatic:
        return "auto";
    case engine::uring:
        return "uring";
    case engine::epoll:
        return "epoll";
    case engine::simulated:
        return "sim";
    }
    return "?";
}

// ---- operations

operation::~operation() {
    if (in_flight()) owner_->abandon(*this);
}

void operation::request_cancel() noexcept {
    if (in_flight()) owner_->cancel(*this);
}

void sleep_operation::alarm::ring(timer& due) {
    sleep_operation& sleeper = *static_cast<alarm&>(due).sleeper;
    sleeper.owner().complete(sleeper, 0);
}

// ---- a turn

backend::backend(time_point epoch)
    : epoch_(epoch),
      now_(epoch),
      timers_(std::make_unique<timer_wheel>(0)),
      mailbox_(std::make_shared<mailbox>(*this)) {}

backend::~backend() { close_mailbox(); }

void backend::close_mailbox() noexcept { mailbox_->close(); }

void backend::post(errand& what) noexcept { mailbox_->post(what); }
void backend::withdraw(errand& what) noexcept { mailbox_->withdraw(what); }

bool backend::has_pending_work() const noexcept {
    return !ready_.empty() || !deferred_.empty() || mailbox_->count() > 0;
}

bool backend::has_work() const noexcept { return has_pending_work() || !at_turn_end_.empty(); }

void backend::begin_turn() {
    ++turn_;
    run_posted();
    run_ready();
    run_deferred();
}

/// Only those that are there now; and one at a time, so that one that throws leaves the others where they
/// are.
void backend::run_posted() {
    for (std::size_t left = mailbox_->count(); left > 0; --left)
        mailbox_->run_one();
}

void backend::run_ready() {
    // Only what is ready now: what becomes ready meanwhile waits for the sockets to have had their turn.
    list<operation, queue_hook> now_ready;
    now_ready.splice_back(ready_);
    // Those that were not reached, because one threw, are ready still.
    const at_exit keep([&] { ready_.splice_back(now_ready); });
    while (!now_ready.empty()) {
        operation& next = now_ready.pop_front();
        complete(next, next.result);
    }
}

/// Every other turn: between two slices what has come meanwhile is served, and what it was answered is sent.
void backend::run_deferred() {
    if (std::exchange(ran_deferred_, false) || deferred_.empty()) return;
    ran_deferred_ = true;
    const time_point end = read_now() + turn_budget::slice;
    for (unsigned left = turn_budget::stretches_max; left > 0 && !deferred_.empty(); --left) {
        complete(deferred_.pop_front(), 0);
        if (read_now() >= end) return;
    }
}

void backend::run_hooks() {
    list<turn_hook> hooks;
    hooks.splice_back(at_turn_end_);
    const at_exit keep([&] { at_turn_end_.splice_back(hooks); });
    while (!hooks.empty()) {
        turn_hook& next = hooks.pop_front();
        next.at_end_(next);
    }
}

void backend::at_turn_end(turn_hook& hook) noexcept {
    if (!hook.linked()) at_turn_end_.push_back(hook);
    wake_host();
}

void backend::complete(operation& done, int result) {
    done.result = result;
    done.state_ = operation::state::idle;
    static_cast<scope_hook&>(done).unlink();
    done.on_complete(done);
}

void backend::complete_later(operation& done, int result) noexcept {
    done.result = result;
    done.state_ = operation::state::ready;
    ready_.push_back(done);
    wake_host();
}

void backend::defer(operation& more) noexcept {
    assert(!more.in_flight());
    ++put_behind_;
    more.result = 0;
    more.state_ = operation::state::ready;
    deferred_.push_back(more);
    wake_host();
}

void backend::mark_pending(operation& started) noexcept {
    assert(!started.in_flight());
    started.state_ = operation::state::pending;
}

// ---- cancelling

/// Ends the wait of what needs no socket; false where the backend has to.
bool backend::end_own_wait(operation& waiting) noexcept {
    switch (waiting.kind_) {
    case operation::kind::event:
        return true;
    case operation::kind::sleep:
        disarm(static_cast<sleep_operation&>(waiting).wake);
        return true;
    case operation::kind::aside:
        static_cast<aside_operation&>(waiting).job->waiting = nullptr;
        return true;
    default:
        return false;
    }
}

void backend::cancel(operation& waiting) noexcept {
    if (waiting.state_ != operation::state::pending) return;
    if (end_own_wait(waiting))
        complete_later(waiting, -ECANCELED);
    else
        cancel_pending(waiting);
}

void backend::abandon(operation& waiting) noexcept {
    const bool ready = waiting.state_ == operation::state::ready;
    if (ready) static_cast<queue_hook&>(waiting).unlink();
    if (!end_own_wait(waiting)) {
        if (ready)
            drop_result(waiting);
        else
            abandon_pending(waiting);
    }
    waiting.state_ = operation::state::idle;
    static_cast<scope_hook&>(waiting).unlink();
}

void backend::drop_result(operation& ready) noexcept {
    if (ready.result < 0) return;
    switch (ready.kind_) {
    case operation::kind::accept:
        return close(static_cast<accept_operation&>(ready).accepted, true);
    case operation::kind::connect:
        return close(static_cast<connect_operation&>(ready).connected, true);
    case operation::kind::receive:
        // With the end of a stream come none; what is there then is of an earlier receive.
        if (ready.result > 0) give_back(static_cast<receive_operation&>(ready).bytes);
        return;
    default:
        return;
    }
}

// ---- what needs no socket

bool backend::start(sleep_operation& sleep, time_point until) noexcept {
    mark_pending(sleep);
    if (until != time_point::max()) arm(sleep.wake, until);
    return false;
}

void backend::expect(operation& event) noexcept {
    assert(event.kind_ == operation::kind::event);
    mark_pending(event);
}

void backend::notify(operation& event, int result) noexcept {
    if (event.state_ == operation::state::pending) complete_later(event, result);
}

/// Brings the end of a blocking call home to its loop. It is made before the call begins, so that the helper
/// thread needs no memory for it.
class backend::aside_report final : public errand {
public:
    explicit aside_report(std::shared_ptr<aside_job> job) noexcept : job_(std::move(job)) {}
    void run() override {
        const std::unique_ptr<aside_report> self(this);
        if (operation* const waiting = std::exchange(job_->waiting, nullptr))
            waiting->owner().complete_later(*waiting, 0);
    }
    void drop() noexcept override { delete this; }

private:
    std::shared_ptr<aside_job> job_;
};

bool backend::start(aside_operation& aside, std::function<void()> call) {
    aside.job = std::make_shared<aside_job>(aside_job{std::move(call), &aside});
    auto report = std::make_unique<aside_report>(aside.job);
    io::run_on_helper_thread([job = aside.job, home = mailbox_, done = report.get()] {
        job->call();
        home->post(*done);
    });
    static_cast<void>(report.release());  // the helper thread's now
    mark_pending(aside);
    return false;
}

backend::census backend::count() const noexcept {
    return {.sockets = 0, .tasks = 0, .timers = timers_->count(), .lent_buffers = 0};
}

}  // namespace aperto
