// SPDX-License-Identifier: MIT
#pragma once

#include "io/root_task.hpp"
#include "server/admission.hpp"
#include "server/conversation.hpp"

namespace aperto {

/// A conversation that a handler's coroutine owns. An object that is told of the coroutine's end, rather than a
/// coroutine around it: of a client that says nothing every byte counts.
class session final : public conversation, private root_task {
public:
    /// Ends whatever its handler waits for.
    void cancel() noexcept { scope_.cancel(); }

    /// Serves `peer` to the end, reports it, and is gone. `counted` is held until then. Throws std::bad_alloc, and
    /// nothing that a peer or a handler can cause.
    static void start(worker& at, stream peer, unsigned place, admission::place counted);

private:
    session(worker& at, connection& peer, unsigned place, admission::place counted);
    ~session();
    static void on_end(void* frame) noexcept;
    static void on_drop(void* frame) noexcept;

    /// The handler's part.
    task<> handle(stream peer);
    task<> converse(stream peer);
    /// It is over: what follows is the orderly end.
    void handled() noexcept;
    void wound_down() noexcept;
    /// Reports the end, once.
    void end() noexcept;
    void go() noexcept;

    [[no_unique_address]] cancel_scope scope_;  // what is behind its own two flags is room for these
    bool winding_down_ = false;
    bool ended_ = false;
    admission::place counted_;
    task<> running_;  ///< the handler, then the orderly end
};

}  // namespace aperto
