// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/events.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace aperto {

/// Keeps what a server tells, and lets a test wait for it.
class recorder final : public server_events {
public:
    struct end {
        close_reason reason;
        std::error_code error;
        std::string tried;
        std::string thrown;
        std::uint64_t bytes_in;
        std::uint64_t bytes_out;
    };

    void accepted(const connection_view& who) override {
        note([&] {
            ++accepted_;
            last_facts_ = who.facts();
        });
    }
    void message(const connection_view&, std::string_view text, std::uint64_t offset) override {
        note([&] { messages_.emplace_back(std::to_string(offset) + ":" + std::string(text)); });
    }
    void closed(const connection_view& who, const closing& how) override {
        note([&] {
            ends_.push_back({how.reason, how.error, std::string(how.tried), std::string(how.thrown),
                             who.bytes_received(), who.bytes_sent()});
        });
    }
    void limit(std::string_view name, const endpoint&, const std::error_code&) override {
        note([&] { limits_.emplace_back(name); });
    }

    /// Waits until so many have ended; what they were.
    std::vector<end> wait_for_ends(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return ends_.size() >= count; });
        return ends_;
    }
    void wait_for_accepted(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return accepted_ >= count; });
    }
    std::vector<std::string> wait_for_messages(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return messages_.size() >= count; });
        return messages_;
    }
    void wait_for_limit(std::string_view name) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return std::find(limits_.begin(), limits_.end(), name) != limits_.end(); });
    }
    std::vector<std::string> limits() {
        const std::lock_guard lock(mutex_);
        return limits_;
    }
    tcp_facts last_facts() {
        const std::lock_guard lock(mutex_);
        return last_facts_;
    }

private:
    template <class Change>
    void note(Change&& change) {
        const std::lock_guard lock(mutex_);
        change();
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t accepted_ = 0;
    tcp_facts last_facts_;
    std::vector<std::string> messages_;
    std::vector<std::string> limits_;
    std::vector<end> ends_;
};

}  // namespace aperto
