// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/list.hpp"
#include "aperto/task.hpp"

#include <coroutine>

namespace aperto {

class loop;

struct root_hook : list_hook {};

/// How a coroutine's frame begins, in the ABI of GCC and of Clang alike ("Coroutines in LLVM", Switched-Resume
/// Lowering).
struct frame_shape {
    void (*resume)(void*);
    void (*destroy)(void*);
};

/// Who runs tasks that no coroutine awaits: in its loop's list until then, and told when a task has ended. The
/// base of `loop::spawn`'s own, and of who would rather be an object than a coroutine around another.
///
/// It stands where an awaiting coroutine's frame would, without costing one: it begins as that does.
class root_task : private frame_shape, public root_hook {
public:
    root_task(const root_task&) = delete;
    root_task& operator=(const root_task&) = delete;

protected:
    /// `ended`: the task that was run has ended, outside of the call that ran it. `dropped`: it is to be destroyed,
    /// wherever its task waits; it has left the list. Each is given what `at` takes.
    root_task(void (*ended)(void*), void (*dropped)(void*)) noexcept : frame_shape{ended, dropped} {}
    ~root_task() = default;
    static root_task& at(void* frame) noexcept {
        return static_cast<root_task&>(*static_cast<frame_shape*>(frame));
    }

    /// Into the list of `on`. `within`: the scope whose tasks `loop::destroy_tasks` may destroy it with; null for none.
    void enter(loop& on, cancel_scope* within) noexcept;
    /// Out of it: it has ended.
    void quit(loop& on) noexcept;
    /// Starts `work`, which stays where it is, in `scope` unless it has one. False where it has ended already:
    /// `ended` is not called then.
    bool run(task<>& work, cancel_scope& scope) { return (work.operator co_await()).start(handle(), &scope); }
    /// Throws what a task that has ended threw.
    static void take_result(task<>& ended) { (ended.operator co_await()).await_resume(); }

private:
    friend class loop;
    void drop(loop& of) noexcept {
        quit(of);
        handle().destroy();
    }
    std::coroutine_handle<> handle() noexcept {
        return std::coroutine_handle<>::from_address(static_cast<frame_shape*>(this));
    }
    cancel_scope* within_ = nullptr;
};

}  // namespace aperto
