// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/list.hpp"

namespace aperto {

/// Something for a loop's thread to do. It is its own place in the loop's mailbox, so that posting it
/// allocates nothing and cannot fail: what must reach a loop even when memory has run out is an errand.
class errand : public list_hook {
public:
    virtual ~errand() = default;
    /// The loop's thread. The errand is in no mailbox any more and may be posted again, or destroy itself.
    virtual void run() = 0;
    /// The loop has ended, or ends: it will not run.
    virtual void drop() noexcept {}

protected:
    errand() noexcept = default;
};

}  // namespace aperto
