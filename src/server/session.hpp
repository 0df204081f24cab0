// SPDX-License-Identifier: MIT
#pragma once

#include "server/admission.hpp"
#include "server/conversation.hpp"

namespace aperto {

/// A conversation that a handler's coroutine owns. Lives in the frame of `run`.
class session final : public conversation {
public:
    session(worker& at, connection& peer, unsigned place);
    ~session();

    /// Ends whatever its handler waits for.
    void cancel() noexcept { scope_.cancel(); }

    /// Serves `peer` to the end and reports it. Throws nothing that a peer or a handler can cause. `counted`
    /// is held until the end.
    static task<> run(worker& at, stream peer, unsigned place, admission::place counted);

private:
    /// The handler's part.
    task<> handle(stream peer);
    task<> converse(stream peer);
    /// Reports the end, once.
    void end() noexcept;

    cancel_scope scope_;
    bool ended_ = false;
};

}  // namespace aperto
