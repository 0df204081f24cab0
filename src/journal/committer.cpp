// SPDX-License-Identifier: MIT
#include "journal/committer.hpp"

#include "core/signals_blocked.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace aperto {
namespace {

std::size_t bytes_of(const committer::batch& all) noexcept {
    std::size_t bytes = 0;
    for (const auto& each : all)
        bytes += each->size();
    return bytes;
}

}  // namespace

committer::committer(journal_options options) : options_(std::move(options)), file_(options_) {
    file_.open();
    const signals_blocked quiet;
    thread_ = std::thread([this] { run(); });
}

committer::~committer() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

bool committer::hand_over(std::shared_ptr<pending_entry> one) {
    const std::size_t size = one->size();
    {
        const std::lock_guard lock(mutex_);
        if (waiting_bytes_ > 0 &&
            size > options_.max_waiting - std::min(options_.max_waiting, waiting_bytes_))
            return false;
        waiting_.push_back(std::move(one));
        waiting_bytes_ += size;
    }
    changed_.notify_one();
    return true;
}

journal_counters committer::counters() const noexcept {
    return {.recorded = recorded_.load(std::memory_order_relaxed),
            .refused = refused_.load(std::memory_order_relaxed),
            .commits = commits_.load(std::memory_order_relaxed),
            .rotations = rotations_.load(std::memory_order_relaxed)};
}

void committer::run() {
    if (options_.first) options_.first();
    for (;;) {
        const batch all = next();
        if (all.empty()) return;
        rotate();
        commit(all);
        const std::lock_guard lock(mutex_);
        waiting_bytes_ -= bytes_of(all);
    }
}

/// Empty at the end.
committer::batch committer::next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    return std::exchange(waiting_, {});
}

void committer::commit(const batch& all) noexcept {
    std::error_code failed;
    try {
        file_.write(all);
        commits_.fetch_add(1, std::memory_order_relaxed);
    } catch (const std::system_error& cause) {
        failed = cause.code();
    } catch (const std::bad_alloc&) {
        failed = std::make_error_code(std::errc::not_enough_memory);
    }
    finish(all, failed);
}

void committer::finish(const batch& all, const std::error_code& failed) noexcept {
    (failed ? refused_ : recorded_).fetch_add(all.size(), std::memory_order_relaxed);
    for (const auto& each : all)
        each->failed = failed;
    for (;;) {
        try {
            wake(all);
            break;
        } catch (const std::bad_alloc&) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));  // who waits must be told
        }
    }
    tell_of_refusals(failed ? all.size() : 0, failed);
}

/// Once a second at most, whatever it is that fails.
void committer::tell_of_refusals(std::size_t more, const std::error_code& why) noexcept {
    untold_ += more;
    if (more > 0) untold_why_ = why;
    const auto now = std::chrono::steady_clock::now();
    if (untold_ == 0 || now < quiet_until_) return;
    quiet_until_ = now + std::chrono::seconds(1);
    note({.what = journal_news::kind::refused, .messages = std::exchange(untold_, 0), .why = untold_why_});
}

/// One post a loop. What is posted twice, after a failure, finds its events set.
void committer::wake(const batch& all) {
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

void committer::rotate() noexcept {
    try {
        const auto aside = file_.rotate_if_due();
        if (!aside) return;
        rotations_.fetch_add(1, std::memory_order_relaxed);
        note({.what = journal_news::kind::put_aside, .file = *aside});
    } catch (const std::system_error& cause) {
        note({.what = journal_news::kind::not_put_aside, .why = cause.code()});
    } catch (const std::bad_alloc&) {
        note({.what = journal_news::kind::not_put_aside,
              .why = std::make_error_code(std::errc::not_enough_memory)});
    }
}

void committer::note(const journal_news& news) const noexcept {
    try {
        if (options_.note) options_.note(news);
    } catch (...) {  // NOLINT(bugprone-empty-catch): it must not throw
    }
}

}  // namespace aperto
