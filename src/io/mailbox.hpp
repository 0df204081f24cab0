// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

namespace aperto {

/// What other threads have for a loop to run. It outlives the loop where somebody still holds it, and then
/// drops what comes: a blocking call that ends after its loop did touches nothing.
class mailbox {
public:
    explicit mailbox(loop& owner) noexcept : owner_(&owner) {}

    /// Any thread.
    void post(std::function<void()> work) {
        const std::lock_guard lock(mutex_);
        if (!owner_) return;
        posted_.push_back(std::move(work));
        // The owner may be about to sleep on any thread but its own.
        if (!full_.exchange(true, std::memory_order_release)) owner_->interrupt();
    }

    bool full() const noexcept { return full_.load(std::memory_order_acquire); }

    /// The owner's thread: takes everything, in the order it came.
    std::vector<std::function<void()>> take() {
        const std::lock_guard lock(mutex_);
        full_.store(false, std::memory_order_relaxed);
        return std::exchange(posted_, {});
    }

    /// The owner's thread, when it ends.
    void close() {
        std::vector<std::function<void()>> dropped;
        const std::lock_guard lock(mutex_);
        owner_ = nullptr;
        dropped.swap(posted_);
    }

private:
    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;
    loop* owner_;
    std::atomic<bool> full_ = false;
};

}  // namespace aperto
