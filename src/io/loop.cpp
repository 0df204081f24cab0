// SPDX-License-Identifier: MIT
#include "aperto/loop.hpp"

#include "aperto/error.hpp"
#include "aperto/loop_handle.hpp"
#include "io/mailbox.hpp"

#include <cassert>
#include <cerrno>
#include <utility>

namespace aperto {
namespace {

thread_local loop* this_thread_loop = nullptr;

}  // namespace

// ---- the tasks nobody awaits

struct loop::root : list_hook {
    std::coroutine_handle<> frame;
    cancel_scope* within = nullptr;  ///< the scope that was asked for
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
    } catch (const cancellation&) {  // NOLINT(bugprone-empty-catch)
        // How a task is told to end; it is no failure of the task.
    } catch (...) {
        on.keep_failure(std::current_exception());
    }
    --on.root_count_;
}

void loop::keep_failure(std::exception_ptr why) noexcept {
    if (!failure_) failure_ = std::move(why);
    wake_host();
}

void loop::spawn(task<> work, cancel_scope* scope) {
    // Between two runs the time stands still; what is started then must not take its deadlines from the past.
    const bool outside = this_thread_loop != this;
    if (outside) refresh_now();
    const current_guard guard(*this);
    root_task started = run_root(*this, std::move(work));
    started.frame.promise().set_scope(scope ? scope : &scope_);
    started.frame.promise().within = scope;
    roots_.push_back(started.frame.promise());
    ++root_count_;
    started.frame.resume();
    if (outside) wake_host();
}

void loop::drop_tasks() noexcept {
    const current_guard guard(*this);
    // The latest first: a task may use what lives in the one that started it.
    while (!roots_.empty())
        destroy(roots_.back());
}

void loop::destroy(root& task) noexcept {
    task.unlink();
    task.frame.destroy();
    --root_count_;
}

void loop::destroy_tasks(cancel_scope& scope) noexcept {
    const current_guard guard(*this);
    scope.condemn();
    // One at a time from the end: what goes with a task may end others, or start some.
    list<root> spared;  // the latest first
    while (!roots_.empty()) {
        root& latest = roots_.back();
        if (latest.within && latest.within->condemned_) {
            destroy(latest);
        } else {
            latest.unlink();
            spared.push_back(latest);
        }
    }
    while (!spared.empty()) {
        root& next = spared.back();
        next.unlink();
        roots_.push_back(next);
    }
}

// ---- running

loop::loop(time_point epoch) : backend(epoch) {}

loop::~loop() { assert(roots_.empty() && "an engine's destructor calls drop_tasks"); }

loop::current_guard::current_guard(loop& now) noexcept : before_(std::exchange(this_thread_loop, &now)) {}
loop::current_guard::~current_guard() { this_thread_loop = before_; }

loop& loop::current() noexcept {
    assert(this_thread_loop && "no loop runs on this thread");
    return *this_thread_loop;
}
bool loop::has_current() noexcept { return this_thread_loop != nullptr; }

bool loop::ended() const noexcept { return root_count_ == 0 && !has_pending_work(); }

bool loop::is_to_end() const noexcept {
    return failure_ || stopped_.load(std::memory_order_acquire) || ended();
}

std::exception_ptr loop::take_failure() noexcept { return std::exchange(failure_, nullptr); }

void loop::run() {
    const current_guard guard(*this);
    rise();
    refresh_now();
    while (!is_to_end())
        run_turn(true);
    // What the last task wrote goes out before the caller may drop the loop.
    run_hooks();
    poll(time_point::min());
    stopped_.store(false, std::memory_order_release);
    if (failure_) std::rethrow_exception(take_failure());
}

bool loop::poll() {
    const current_guard guard(*this);
    rise();
    due_ = true;  // and stays so where something is thrown: there is more to do
    refresh_now();
    run_turn(false);
    // What the turn has written or begun goes out now: whoever waits elsewhere hands nothing over.
    run_hooks();
    if (is_to_end()) poll(time_point::min());
    const bool more = submit();
    if (failure_) std::rethrow_exception(take_failure());
    due_ = more;
    rest();
    return !(stopped_.exchange(false, std::memory_order_acq_rel) || ended());
}

int loop::poll_descriptor() const {
    const int own = descriptor();
    if (own < 0)
        throw error::from_result(-EOPNOTSUPP, "wait from another loop for", to_string(which()),
                                 "Create the loop with engine::epoll.");
    return own;
}

time_point loop::next_deadline() const noexcept {
    return due_ || has_work() ? time_point::min() : next_timer();
}

void loop::stop() noexcept {
    stopped_.store(true, std::memory_order_release);
    if (this_thread_loop != this) interrupt();
}

void loop::run_turn(bool may_wait) {
    begin_turn();
    run_hooks();
    const bool busy = !may_wait || has_work() || is_to_end();
    poll(busy ? time_point::min() : next_timer());
    fire_timers();
}

loop::census loop::count() const noexcept {
    census all = backend::count();
    all.tasks = root_count_;
    return all;
}

// ---- other threads

void loop::post(std::function<void()> work) { posted()->post(std::move(work)); }
loop_handle loop::handle() const noexcept { return loop_handle(posted()); }

bool loop_handle::post(std::function<void()> work) const { return mailbox_->post(std::move(work)); }

bool loop_handle::spawn(task<> work) const {
    // A std::function can be copied, a task cannot.
    const auto kept = std::make_shared<task<>>(std::move(work));
    return post([kept] { loop::current().spawn(std::move(*kept)); });
}

}  // namespace aperto
