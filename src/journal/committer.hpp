// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/journal.hpp"
#include "journal/journal_file.hpp"
#include "journal/pending_entry.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace aperto {

/// The thread that commits. What is handed over while it works is its next transaction.
class committer {
public:
    /// Opens the file, then starts the thread. Throws `error`.
    explicit committer(journal_options options);
    /// Commits what waits, and ends the thread.
    ~committer();
    committer(const committer&) = delete;
    committer& operator=(const committer&) = delete;

    /// Any thread. False where too much waits already.
    bool hand_over(std::shared_ptr<pending_entry> one);
    /// Counts a message that never came to the file.
    void count_refused() noexcept { refused_.fetch_add(1, std::memory_order_relaxed); }
    journal_counters counters() const noexcept;
    const std::string& path() const noexcept { return options_.file; }

private:
    using batch = detail::batch_thread::batch;
    /// Opens the file; gives what the thread does.
    std::function<void(const batch& all)> open();
    void commit(const batch& all) noexcept;
    std::error_code write(const batch& all) noexcept;
    void rotate() noexcept;
    void tell_of_refusals(std::size_t more, const std::error_code& why) noexcept;
    void note(const journal_news& news) const noexcept;

    const journal_options options_;
    journal_file file_;
    std::atomic<std::size_t> waiting_bytes_ = 0;  ///< of what waits and of what is being committed
    std::atomic<std::uint64_t> recorded_ = 0;
    std::atomic<std::uint64_t> refused_ = 0;
    std::atomic<std::uint64_t> commits_ = 0;
    std::atomic<std::uint64_t> rotations_ = 0;
    // The thread's own.
    std::uint64_t untold_ = 0;  ///< messages refused
    std::error_code untold_why_;
    std::chrono::steady_clock::time_point quiet_until_{};

    detail::batch_thread thread_;  ///< the last member: it ends before what it uses
};

}  // namespace aperto
