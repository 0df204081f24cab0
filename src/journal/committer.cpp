// SPDX-License-Identifier: MIT
#include "journal/committer.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>
#include <vector>

namespace aperto {

committer::committer(journal_options options)
    : options_(std::move(options)), file_(options_), thread_(open(), options_.first) {}

committer::~committer() = default;

std::function<void(const committer::batch&)> committer::open() {
    file_.open();
    return [this](const batch& all) { commit(all); };
}

bool committer::hand_over(std::shared_ptr<pending_entry> one) {
    const std::size_t size = one->size();
    std::size_t waits = waiting_bytes_.load();
    do {
        if (waits > 0 && size > options_.max_waiting - std::min(options_.max_waiting, waits)) return false;
    } while (!waiting_bytes_.compare_exchange_weak(waits, waits + size));
    try {
        thread_.hand_over(std::move(one));
    } catch (...) {
        waiting_bytes_.fetch_sub(size);
        throw;
    }
    return true;
}

journal_counters committer::counters() const noexcept {
    return {.recorded = recorded_.load(std::memory_order_relaxed),
            .refused = refused_.load(std::memory_order_relaxed),
            .commits = commits_.load(std::memory_order_relaxed),
            .rotations = rotations_.load(std::memory_order_relaxed)};
}

void committer::commit(const batch& all) noexcept {
    rotate();
    const std::error_code failed = write(all);
    (failed ? refused_ : recorded_).fetch_add(all.size(), std::memory_order_relaxed);
    std::size_t bytes = 0;
    for (const auto& each : all) {
        auto& entry = static_cast<pending_entry&>(*each);
        entry.refused = failed;
        bytes += entry.size();
    }
    waiting_bytes_.fetch_sub(bytes);
    tell_of_refusals(failed ? all.size() : 0, failed);
}

std::error_code committer::write(const batch& all) noexcept {
    try {
        std::vector<const pending_entry*> entries;
        entries.reserve(all.size());
        for (const auto& each : all)
            entries.push_back(static_cast<const pending_entry*>(each.get()));
        file_.write(entries);
        commits_.fetch_add(1, std::memory_order_relaxed);
    } catch (const std::system_error& cause) {
        return cause.code();
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
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
