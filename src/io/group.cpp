// SPDX-License-Identifier: MIT
#include "aperto/group.hpp"

#include "aperto/detail/choice_state.hpp"

#include <exception>
#include <utility>

namespace aperto {
namespace {

bool is_cancellation(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const cancellation&) {
        return true;
    } catch (...) {
        return false;
    }
}

/// Waits for a `notify`; `result` is then 0, or -ECANCELED when the waiting scope was cancelled. An
/// `uncancellable` wait is in no scope: it is for what must be over before its scope may unwind.
class event_awaiter : public detail::operation_awaiter<operation> {
public:
    enum class scope_use : std::uint8_t { cancellable, uncancellable };
    event_awaiter(loop& owner, scope_use use) noexcept : operation_awaiter(owner, kind::event), use_(use) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        const auto begin = [this] {
            owner().expect(*this);
            return false;
        };
        if (use_ == scope_use::cancellable) return suspend(awaiting, begin);
        waiter = awaiting;
        begin();
        return true;
    }
    bool await_resume() const noexcept { return result == 0; }

private:
    scope_use use_;
};

}  // namespace

struct task_group::shared_state {
    explicit shared_state(cancel_scope* parent) noexcept : scope(parent), has_parent(parent != nullptr) {}
    cancel_scope scope;
    bool has_parent;
    std::size_t running = 0;
    std::exception_ptr failure;
    operation* joining = nullptr;
};

task_group::task_group(cancel_scope* parent) : state_(std::make_shared<shared_state>(parent)) {}

task_group::~task_group() {
    if (state_->running > 0) cancel();
}

void task_group::cancel() noexcept { state_->scope.cancel(); }

std::size_t task_group::running() const noexcept { return state_->running; }

void task_group::spawn(task<> work) {
    // Counted by its own frame, once there is one: without the memory for it nobody is to be waited for.
    loop::current().spawn(run(state_, std::move(work)), &state_->scope);
}

task<> task_group::run(std::shared_ptr<shared_state> group, task<> work) {
    ++group->running;
    std::exception_ptr thrown;
    try {
        co_await work;
    } catch (...) {
        thrown = std::current_exception();
    }
    // The end of a wait in a group that was told to end is how it ends, not why.
    if (thrown && !group->failure && !(group->scope.cancelled() && is_cancellation(thrown)))
        group->failure = thrown;
    if (thrown) group->scope.cancel();
    if (--group->running == 0 && group->joining) group->joining->owner().notify(*group->joining);
}

task<> task_group::join() {
    bool cancelled = false;
    detail::scope_awaiter which;
    // Whoever is destroyed while it waits here takes them along.
    cancel_scope* const mine = co_await which;
    if (mine && !state_->has_parent) mine->take_below(state_->scope);
    while (state_->running > 0) {
        using scope_use = event_awaiter::scope_use;
        event_awaiter ended(loop::current(), cancelled ? scope_use::uncancellable : scope_use::cancellable);
        state_->joining = &ended;
        const bool notified = co_await ended;
        state_->joining = nullptr;
        if (!notified) {
            cancelled = true;
            cancel();
        }
    }
    if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
    if (cancelled) throw cancellation();
}

}  // namespace aperto
