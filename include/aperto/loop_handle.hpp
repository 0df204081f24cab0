// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <functional>
#include <memory>
#include <utility>

namespace aperto {

/// A loop as other threads see it: copied as one likes, and good for longer than the loop itself.
///
///     const aperto::loop_handle home = loop.handle();
///     std::thread([home] { home.post([] { refresh(); }); });
///
/// Every member may be called on any thread.
class loop_handle {
public:
    /// Runs `work` on the loop's thread, soon. False, and the work is dropped, where the loop has ended. True
    /// is no promise that it runs: a loop that ends first drops it. Throws std::bad_alloc.
    bool post(std::function<void()> work) const;
    /// Starts `work` on the loop's thread, in the loop's own scope. False as with `post`.
    bool spawn(task<> work) const;

private:
    friend class loop;
    explicit loop_handle(std::shared_ptr<mailbox> to) noexcept : mailbox_(std::move(to)) {}
    std::shared_ptr<mailbox> mailbox_;
};

}  // namespace aperto
