// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/backend.hpp"
#include "aperto/detail/errand.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace aperto {

/// What other threads have for a loop to run. It outlives the loop where somebody still holds it, and then
/// drops what comes: a blocking call that ends after its loop did touches nothing.
class mailbox {
public:
    explicit mailbox(backend& owner) noexcept : owner_(&owner) {}

    /// Any thread. One that is in the mailbox already stays where it is. False where the loop has ended: it
    /// was dropped.
    bool post(errand& what) noexcept {
        {
            const std::lock_guard lock(mutex_);
            if (what.linked()) return true;
            if (owner_) {
                posted_.push_back(what);
                // The owner may be about to sleep on any thread but its own.
                if (count_.fetch_add(1, std::memory_order_release) == 0) owner_->interrupt();
                return true;
            }
        }
        what.drop();
        return false;
    }

    /// Any thread.
    bool post(std::function<void()> work) { return post(*std::make_unique<call>(std::move(work)).release()); }

    /// Any thread: afterwards it is in the mailbox no more, and may go.
    void withdraw(errand& what) noexcept {
        const std::lock_guard lock(mutex_);
        if (!what.linked()) return;
        what.unlink();
        count_.fetch_sub(1, std::memory_order_relaxed);
    }

    std::size_t count() const noexcept { return count_.load(std::memory_order_acquire); }

    /// The owner's thread: runs the one that came first. What it throws, this throws.
    void run_one() {
        if (errand* const next = take()) next->run();
    }

    /// The owner's thread, when it ends.
    void close() noexcept {
        {
            const std::lock_guard lock(mutex_);
            owner_ = nullptr;
        }
        while (errand* const next = take())
            next->drop();
    }

private:
    /// A function, with memory of its own for the way.
    class call final : public errand {
    public:
        explicit call(std::function<void()> work) noexcept : work_(std::move(work)) {}
        void run() override {
            const std::unique_ptr<call> self(this);
            work_();
        }
        void drop() noexcept override { delete this; }

    private:
        std::function<void()> work_;
    };

    errand* take() noexcept {
        const std::lock_guard lock(mutex_);
        if (posted_.empty()) return nullptr;
        count_.fetch_sub(1, std::memory_order_relaxed);
        return &posted_.pop_front();
    }

    std::mutex mutex_;
    list<errand> posted_;
    std::atomic<std::size_t> count_ = 0;
    backend* owner_;
};

}  // namespace aperto
