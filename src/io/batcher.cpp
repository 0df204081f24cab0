// SPDX-License-Identifier: MIT
#include "aperto/batcher.hpp"

#include "core/signals_blocked.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>

namespace aperto::detail {
namespace {

using batch = batch_thread::batch;

/// One post a loop. What is posted twice, after a failure, finds its events set.
void wake(const batch& all) {
    std::vector<std::pair<const loop*, batch>> homes;
    for (const auto& each : all) {
        auto found = std::find_if(homes.begin(), homes.end(),
                                  [&each](const auto& home) { return home.first == each->home_id; });
        if (found == homes.end()) found = homes.insert(homes.end(), {each->home_id, {}});
        found->second.push_back(each);
    }
    for (auto& [id, mine] : homes) {
        const loop_handle home = mine.front()->home;
        const bool is_there = home.post([entries = mine] {
            for (const auto& each : entries)
                each->done.set();
        });
        if (is_there) continue;
        // Its loop is gone. Another one that was made in its place has the same address: each by its own handle.
        for (const auto& each : mine)
            each->home.post([each] { each->done.set(); });
    }
}

}  // namespace

struct batch_thread::state {
    explicit state(std::function<void(const batch& all)> what) : work(std::move(what)) {}

    /// Empty at the end.
    batch next() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return ending || !waiting.empty(); });
        return std::exchange(waiting, {});
    }
    void run() {
        for (batch all = next(); !all.empty(); all = next()) {
            try {
                work(all);
            } catch (...) {
                for (const auto& each : all)
                    each->failed = std::current_exception();
            }
            tell(all);
        }
    }
    static void tell(const batch& all) noexcept {
        for (;;) {
            try {
                return wake(all);
            } catch (const std::bad_alloc&) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));  // who waits must be told
            }
        }
    }

    const std::function<void(const batch& all)> work;
    std::mutex mutex;
    std::condition_variable changed;
    batch waiting;
    bool ending = false;
    std::thread thread;
};

batch_thread::batch_thread(std::function<void(const batch& all)> work, std::function<void()> first)
    : state_(std::make_unique<state>(std::move(work))) {
    const signals_blocked quiet;
    state_->thread = std::thread([of = state_.get(), first = std::move(first)] {
        if (first) first();
        of->run();
    });
}

batch_thread::~batch_thread() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->ending = true;
    }
    state_->changed.notify_one();
    state_->thread.join();
}

void batch_thread::hand_over(std::shared_ptr<batch_entry> one) {
    {
        const std::lock_guard lock(state_->mutex);
        state_->waiting.push_back(std::move(one));
    }
    state_->changed.notify_one();
}

}  // namespace aperto::detail
