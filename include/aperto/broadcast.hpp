// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/queue.hpp"
#include "aperto/task.hpp"
#include "aperto/time.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace aperto {

/// What becomes of a subscriber who has `capacity` values waiting when one more is published.
enum class when_slow : std::uint8_t {
    drop_oldest,  ///< misses the oldest of them, and can ask how many it missed
    disconnect,   ///< is subscribed no more: it still takes those out, and then gets none
};

/// One to many: each value published goes to everybody subscribed then, in the same order to all.
///
///     aperto::broadcast<std::string> room(100);
///     auto heard = room.subscribe();                          // there
///     while (auto line = co_await heard.pop()) co_await peer.write(*line);
///     room.publish("hello\n");                                // here
///
/// `publish` never waits, so that one who is slow holds up nobody. Each subscriber has a copy: of what is
/// large, publish a std::shared_ptr<const T>. Any thread; subscriptions may live longer than it.
template <class T>
class broadcast {
public:
    class subscription;

    /// 0 counts as 1.
    explicit broadcast(std::size_t capacity, when_slow policy = when_slow::drop_oldest)
        : shared_(std::make_shared<shared_state>()),
          capacity_(std::max<std::size_t>(capacity, 1)),
          policy_(policy) {}
    /// What was published is still taken out.
    ~broadcast() { close(); }
    broadcast(const broadcast&) = delete;
    broadcast& operator=(const broadcast&) = delete;

    /// From the next value on.
    subscription subscribe();

    /// To everybody at once. Throws what copying a value throws; some may have it then.
    void publish(const T& value) {
        const std::lock_guard lock(shared_->guard);
        for (const auto& each : shared_->seats)
            each->put(value, policy_);
        std::erase_if(shared_->seats, [](const auto& each) { return each->values.closed(); });
    }
    /// co_await it: waits for room where somebody is slow, one after the other, at most `limit` for each, and
    /// then does as `publish`. Throws `cancellation`. For one publisher: the order of two is each
    /// subscriber's own.
    task<> publish_patiently(T value, duration limit = forever);

    /// Nothing more comes: who has taken everything out gets none. Idempotent.
    void close() noexcept {
        const std::lock_guard lock(shared_->guard);
        shared_->closed = true;
        for (const auto& each : shared_->seats)
            each->values.close();
        shared_->seats.clear();
    }
    /// Those who are subscribed now.
    std::size_t subscribers() const {
        const std::lock_guard lock(shared_->guard);
        return shared_->seats.size();
    }

private:
    /// Of one subscriber.
    struct seat {
        explicit seat(std::size_t capacity) : values(capacity) {}
        void put(const T& value, when_slow policy) {
            T copy(value);
            if (values.try_push(copy) || values.closed()) return;
            ++missed;
            if (policy == when_slow::drop_oldest)
                values.push_over_oldest(std::move(copy));
            else
                values.close();
        }
        detail::queue_state<T> values;
        std::atomic<std::uint64_t> missed = 0;
    };
    struct shared_state {
        mutable std::mutex guard;
        std::vector<std::shared_ptr<seat>> seats;
        bool closed = false;
    };

    std::shared_ptr<shared_state> shared_;
    const std::size_t capacity_;
    const when_slow policy_;
};

/// Ends where it goes. Moved, not copied.
template <class T>
class [[nodiscard]] broadcast<T>::subscription {
public:
    subscription(subscription&& other) noexcept = default;
    subscription& operator=(subscription&& other) noexcept {
        std::swap(shared_, other.shared_);
        std::swap(seat_, other.seat_);
        return *this;
    }
    ~subscription() {
        if (!seat_) return;
        seat_->values.close();
        const std::lock_guard lock(shared_->guard);
        std::erase(shared_->seats, seat_);
    }

    /// co_await it, on a loop: the next value; none where nothing more comes. Throws `cancellation`, and
    /// `errc::deadline` after `limit`.
    detail::queue_pop<T> pop(duration limit = forever) {
        return detail::queue_pop<T>(std::shared_ptr<detail::queue_state<T>>(seat_, &seat_->values), limit);
    }
    /// The next value, without waiting; none where there is none now.
    std::optional<T> try_pop() { return seat_->values.try_pop(); }
    /// Values that it was too slow for.
    std::uint64_t missed() const noexcept { return seat_->missed; }

private:
    friend class broadcast;
    subscription(std::shared_ptr<shared_state> shared, std::shared_ptr<seat> mine) noexcept
        : shared_(std::move(shared)), seat_(std::move(mine)) {}
    std::shared_ptr<shared_state> shared_;
    std::shared_ptr<seat> seat_;
};

template <class T>
typename broadcast<T>::subscription broadcast<T>::subscribe() {
    auto mine = std::make_shared<seat>(capacity_);
    const std::lock_guard lock(shared_->guard);
    if (shared_->closed)
        mine->values.close();
    else
        shared_->seats.push_back(mine);
    return subscription(shared_, std::move(mine));
}

template <class T>
task<> broadcast<T>::publish_patiently(T value, duration limit) {
    std::vector<std::shared_ptr<seat>> seats;
    {
        const std::lock_guard lock(shared_->guard);
        seats = shared_->seats;
    }
    for (const auto& each : seats) {
        bool late = false;
        try {
            detail::queue_push<T> pushing(std::shared_ptr<detail::queue_state<T>>(each, &each->values), value,
                                          limit);
            co_await pushing;
        } catch (const error& why) {
            if (why.code() != errc::deadline) throw;
            late = true;
        }
        if (!late) continue;
        const std::lock_guard lock(shared_->guard);
        each->put(value, policy_);
        if (each->values.closed()) std::erase(shared_->seats, each);
    }
}

}  // namespace aperto
