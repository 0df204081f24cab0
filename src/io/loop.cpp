// SPDX-License-Identifier: MIT
#include "aperto/loop.hpp"

#include "aperto/error.hpp"
#include "aperto/loop_handle.hpp"
#include "io/current_loop.hpp"
#include "io/mailbox.hpp"
#include "io/root_task.hpp"

#include <cassert>
#include <cerrno>
#include <utility>

namespace aperto {
namespace {

thread_local loop* this_thread_loop = nullptr;

}  // namespace

// ---- the tasks nobody awaits

void root_task::enter(loop& on, cancel_scope* within) noexcept {
    within_ = within;
    on.roots_.push_back(*this);
    ++on.root_count_;
}

void root_task::quit(loop& on) noexcept {
    unlink();
    --on.root_count_;
}

/// A task that was spawned: it starts at once, and destroys itself.
class loop::spawned final : public root_task {
public:
    spawned(loop& on, task<> work) noexcept
        : root_task(&spawned::on_end, &spawned::on_drop), on_(on), work_(std::move(work)) {}
    static void* operator new(std::size_t bytes) { return detail::allocate_frame(bytes); }
    static void operator delete(void* gone, std::size_t bytes) noexcept { detail::free_frame(gone, bytes); }

    void begin(cancel_scope* scope) noexcept {
        enter(on_, scope);
        if (!run(work_, scope ? *scope : on_.scope_)) end();
    }

private:
    static void on_end(void* frame) noexcept { static_cast<spawned&>(at(frame)).end(); }
    static void on_drop(void* frame) noexcept { delete static_cast<spawned*>(&at(frame)); }
    void end() noexcept {
        try {
            take_result(work_);
        } catch (const cancellation&) {  // NOLINT(bugprone-empty-catch)
            // How a task is told to end; it is no failure of the task.
        } catch (...) {
            on_.keep_failure(std::current_exception());
        }
        quit(on_);
        delete this;
    }

    loop& on_;
    task<> work_;
};

void loop::keep_failure(std::exception_ptr why) noexcept {
    if (!failure_) failure_ = std::move(why);
    wake_host();
}

void loop::spawn(task<> work, cancel_scope* scope) {
    // Between two runs the time stands still; what is started then must not take its deadlines from the past.
    const bool outside = this_thread_loop != this;
    if (outside) refresh_now();
    const current_loop guard(*this);
    auto* const started = new spawned(*this, std::move(work));
    started->begin(scope);
    if (outside) wake_host();
}

void loop::drop_tasks() noexcept {
    const current_loop guard(*this);
    // The latest first: a task may use what lives in the one that started it.
    while (!roots_.empty())
        roots_.back().drop(*this);
}

void loop::destroy_tasks(cancel_scope& scope) noexcept {
    const current_loop guard(*this);
    scope.condemn();
    // One at a time from the end: what goes with a task may end others, or start some.
    list<root_task, root_hook> spared;  // the latest first
    while (!roots_.empty()) {
        root_task& latest = roots_.back();
        if (latest.within_ && latest.within_->condemned_) {
            latest.drop(*this);
        } else {
            latest.unlink();
            spared.push_back(latest);
        }
    }
    while (!spared.empty()) {
        root_task& next = spared.back();
        next.unlink();
        roots_.push_back(next);
    }
}

// ---- running

loop::loop(time_point epoch) : backend(epoch) {}

loop::~loop() { assert(roots_.empty() && "an engine's destructor calls drop_tasks"); }

current_loop::current_loop(loop& now) noexcept : before_(std::exchange(this_thread_loop, &now)) {}
current_loop::~current_loop() { this_thread_loop = before_; }

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
    const current_loop guard(*this);
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
    const current_loop guard(*this);
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
