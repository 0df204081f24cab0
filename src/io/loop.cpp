// SPDX-License-Identifier: MIT
#include "aperto/loop.hpp"

#include "aperto/loop_handle.hpp"
#include "core/timer_wheel.hpp"
#include "io/helper_threads.hpp"
#include "io/mailbox.hpp"
#include "io/turn_budget.hpp"

#include <netdb.h>

#include <algorithm>
#include <utility>

namespace aperto {
namespace {

thread_local loop* this_thread_loop = nullptr;

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

// ---- the tasks nobody awaits

struct loop::root : list_hook {
    std::coroutine_handle<> frame;
};

/// The coroutine around a spawned task: it starts at once, keeps itself in the loop's list and destroys
/// itself.
class loop::root_task {
public:
    class promise_type : public detail::promise_base, public root {
    public:
        root_task get_return_object() noexcept {
            const auto mine = std::coroutine_handle<promise_type>::from_promise(*this);
            this->frame = mine;
            return root_task{mine};
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }  // run_root lets none out
    };
    std::coroutine_handle<promise_type> frame;
};

loop::root_task loop::run_root(loop& on, task<> work) {
    try {
        co_await work;
    } catch (const error& failed) {
        // That its scope was cancelled is how a task is told to end; it is no failure of the task.
        if (failed.code() != errc::cancelled) on.keep_failure(std::current_exception());
    } catch (...) {
        on.keep_failure(std::current_exception());
    }
    --on.root_count_;
}

void loop::keep_failure(std::exception_ptr why) noexcept {
    if (!failure_) failure_ = std::move(why);
    stop();
}

void loop::spawn(task<> work, cancel_scope* scope) {
    // Between two runs the time stands still; what is started then must not take its deadlines from the past.
    if (this_thread_loop != this) refresh_now();
    const current_guard guard(*this);
    root_task started = run_root(*this, std::move(work));
    started.frame.promise().set_scope(scope ? scope : &scope_);
    roots_.push_back(started.frame.promise());
    ++root_count_;
    started.frame.resume();
}

void loop::drop_tasks() noexcept {
    const current_guard guard(*this);
    // The latest first: a task may use what lives in the one that started it.
    while (!roots_.empty()) {
        root& latest = roots_.back();
        latest.unlink();
        latest.frame.destroy();
        --root_count_;
    }
}

void loop::close_mailbox() noexcept { mailbox_->close(); }

// ---- running

loop::loop(time_point epoch)
    : epoch_(epoch),
      now_(epoch),
      timers_(std::make_unique<timer_wheel>(0)),
      mailbox_(std::make_shared<mailbox>(*this)) {}

loop::~loop() {
    assert(roots_.empty() && "a backend's destructor calls drop_tasks");
    close_mailbox();
}

loop::current_guard::current_guard(loop& now) noexcept : before_(std::exchange(this_thread_loop, &now)) {}
loop::current_guard::~current_guard() { this_thread_loop = before_; }

loop& loop::current() noexcept {
    assert(this_thread_loop && "no loop runs on this thread");
    return *this_thread_loop;
}
bool loop::has_current() noexcept { return this_thread_loop != nullptr; }

bool loop::ended() const noexcept {
    return root_count_ == 0 && ready_.empty() && deferred_.empty() && mailbox_->count() == 0;
}

bool loop::has_work() const noexcept {
    return !ready_.empty() || !deferred_.empty() || !at_turn_end_.empty() || mailbox_->count() > 0;
}

std::exception_ptr loop::take_failure() noexcept {
    if (failure_) stopped_.store(false, std::memory_order_release);
    return std::exchange(failure_, nullptr);
}

void loop::run() {
    const current_guard guard(*this);
    refresh_now();
    while (!stopped_.load(std::memory_order_acquire) && !ended())
        run_turn(true);
    // What the last task wrote goes out before the caller may drop the loop.
    run_hooks();
    poll(time_point::min());
    stopped_.store(false, std::memory_order_release);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void loop::stop() noexcept {
    stopped_.store(true, std::memory_order_release);
    if (this_thread_loop != this) interrupt();
}

void loop::post(std::function<void()> work) { mailbox_->post(std::move(work)); }
void loop::post(errand& what) noexcept { mailbox_->post(what); }
void loop::withdraw(errand& what) noexcept { mailbox_->withdraw(what); }
loop_handle loop::handle() const noexcept { return loop_handle(mailbox_); }

bool loop_handle::post(std::function<void()> work) const { return mailbox_->post(std::move(work)); }

bool loop_handle::spawn(task<> work) const {
    // A std::function can be copied, a task cannot.
    const auto kept = std::make_shared<task<>>(std::move(work));
    return post([kept] { loop::current().spawn(std::move(*kept)); });
}

void loop::run_turn(bool may_wait) {
    ++turn_;
    // Only those that are there now; and one at a time, so that one that throws leaves the others where they
    // are.
    for (std::size_t left = mailbox_->count(); left > 0; --left)
        mailbox_->run_one();
    run_ready();
    run_deferred();
    run_hooks();
    const bool busy = !may_wait || has_work() || ended() || stopped_.load(std::memory_order_acquire);
    poll(busy ? time_point::min() : next_timer());
    fire_timers();
}

void loop::run_ready() {
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
void loop::run_deferred() {
    if (std::exchange(ran_deferred_, false) || deferred_.empty()) return;
    ran_deferred_ = true;
    const time_point end = read_now() + turn_budget::slice;
    for (unsigned left = turn_budget::stretches_max; left > 0 && !deferred_.empty(); --left) {
        complete(deferred_.pop_front(), 0);
        if (read_now() >= end) return;
    }
}

void loop::run_hooks() {
    list<turn_hook> hooks;
    hooks.splice_back(at_turn_end_);
    const at_exit keep([&] { at_turn_end_.splice_back(hooks); });
    while (!hooks.empty()) {
        turn_hook& next = hooks.pop_front();
        next.at_end_(next);
    }
}

void loop::at_turn_end(turn_hook& hook) noexcept {
    if (!hook.linked()) at_turn_end_.push_back(hook);
}

void loop::complete(operation& done, int result) {
    done.result = result;
    done.state_ = operation::state::idle;
    static_cast<scope_hook&>(done).unlink();
    done.on_complete(done);
}

void loop::complete_later(operation& done, int result) noexcept {
    done.result = result;
    done.state_ = operation::state::ready;
    ready_.push_back(done);
}

void loop::defer(operation& more) noexcept {
    assert(!more.in_flight());
    more.result = 0;
    more.state_ = operation::state::ready;
    deferred_.push_back(more);
}

void loop::mark_pending(operation& started) noexcept {
    assert(!started.in_flight());
    started.state_ = operation::state::pending;
}

// ---- cancelling

/// Ends the wait of what needs no socket; false where the backend has to.
bool loop::end_own_wait(operation& waiting) noexcept {
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

void loop::cancel(operation& waiting) noexcept {
    if (waiting.state_ != operation::state::pending) return;
    if (end_own_wait(waiting))
        complete_later(waiting, -ECANCELED);
    else
        cancel_pending(waiting);
}

void loop::abandon(operation& waiting) noexcept {
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

void loop::drop_result(operation& ready) noexcept {
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

bool loop::start(sleep_operation& sleep, time_point until) noexcept {
    mark_pending(sleep);
    if (until != time_point::max()) arm(sleep.wake, until);
    return false;
}

void loop::expect(operation& event) noexcept {
    assert(event.kind_ == operation::kind::event);
    mark_pending(event);
}

void loop::notify(operation& event, int result) noexcept {
    if (event.state_ == operation::state::pending) complete_later(event, result);
}

/// Brings the end of a blocking call home to its loop. It is made before the call begins, so that the helper
/// thread needs no memory for it.
class loop::aside_report final : public errand {
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

bool loop::start(aside_operation& aside, std::function<void()> call) {
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

loop::census loop::count() const noexcept {
    return {.sockets = 0, .tasks = root_count_, .timers = timers_->count(), .lent_buffers = 0};
}

}  // namespace aperto
