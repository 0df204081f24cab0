// SPDX-License-Identifier: MIT
#include "io/helper_threads.hpp"

#include "core/signals_blocked.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace aperto::io {
namespace {

class pool {
public:
    void run(std::function<void()> call) {
        const std::lock_guard lock(mutex_);
        calls_.push_back(std::move(call));
        if (idle_ < calls_.size() && threads_ < threads_max) start_thread();
        called_.notify_one();
    }

private:
    static constexpr std::size_t threads_max = 16;

    void start_thread() {
        const signals_blocked quiet;
        try {
            std::thread([this] { serve(); }).detach();
            ++threads_;
        } catch (...) {  // no thread to be had, or no memory for one
            // With a thread already there the call waits for it; without one nobody would ever run it.
            if (threads_ == 0) {
                calls_.pop_back();
                throw;
            }
        }
    }

    [[noreturn]] void serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            ++idle_;
            called_.wait(lock, [this] { return !calls_.empty(); });
            --idle_;
            {
                const std::function<void()> call = std::move(calls_.front());
                calls_.pop_front();
                lock.unlock();
                call();
            }
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable called_;
    std::deque<std::function<void()>> calls_;
    std::size_t threads_ = 0;
    std::size_t idle_ = 0;
};

}  // namespace

void run_on_helper_thread(std::function<void()> call) {
    // Never destroyed: a resolver may still be stuck in one of the threads when the process ends, and must
    // not make it wait.
    static pool* const threads = new pool;
    threads->run(std::move(call));
}

}  // namespace aperto::io
