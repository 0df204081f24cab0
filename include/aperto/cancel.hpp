// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/list.hpp"

namespace aperto {

class operation;
/// Its place in the list of a scope: of who writes awaiters.
struct scope_hook : list_hook {};

/// What a wait throws whose scope was cancelled: the task is to end.
///
/// It is no `error` and no std::exception, so that who catches those to try again does not catch this. Who
/// catches everything throws it on (`throw;`). A task that does not, and begins wait after wait that is
/// refused, is let go at the thousandth: it stays suspended there until its owner destroys it.
class cancellation {
public:
    /// In words.
    const char* what() const noexcept { return "the wait was cancelled"; }
};

/// A region of work that can be given up as a whole.
///
/// Every task runs in the scope of the task that awaits it; an operation that waits is registered with that
/// scope. `cancel()` ends every wait in the scope and in the scopes below it: each throws `cancellation`, the
/// stack of coroutines unwinds, and every wait begun afterwards in the scope ends the same way at once.
///
/// A scope must outlive the tasks that run in it and lives on its loop's thread. Neither copied nor moved.
class cancel_scope : public list_hook {
public:
    /// A scope below `parent`, cancelled with it. Null: a scope of its own.
    explicit cancel_scope(cancel_scope* parent = nullptr) noexcept;
    ~cancel_scope();
    cancel_scope(const cancel_scope&) = delete;
    cancel_scope& operator=(const cancel_scope&) = delete;

    /// Idempotent. The waits end on the loop's next turn, not inside this call.
    void cancel() noexcept;
    /// Whether it was cancelled, by itself or with a scope above it.
    bool cancelled() const noexcept { return cancelled_; }

    /// Registers a waiting operation. It leaves by itself when it completes.
    void enter(operation& waiting) noexcept;

    /// Puts `inner` below this one, and takes it away from wherever it was: from now on it is cancelled with
    /// this one.
    void take_below(cancel_scope& inner) noexcept;

private:
    friend class loop;
    void condemn() noexcept;
    list<operation, scope_hook> waiting_;
    list<cancel_scope> below_;
    bool cancelled_ = false;
    bool condemned_ = false;  ///< the tasks in it are to be destroyed
};

}  // namespace aperto
