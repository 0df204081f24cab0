// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/limits.hpp"
#include "aperto/server.hpp"
#include "server/accept_pace.hpp"
#include "server/terms.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace aperto {

/// Who may connect: access lists, connections per address, accepts a second per address. One for all workers
/// of a server; any thread. Asked once a connection; where no such limit is set, it takes no lock and looks
/// nothing up.
class admission {
    struct count {
        admission* home;
        source_key who;
        std::size_t connections;
    };

public:
    /// Keeps a connection counted for as long as it lives. 8 bytes, since each connection has one.
    class place {
    public:
        place() noexcept = default;
        place(place&& other) noexcept : counted_(std::exchange(other.counted_, nullptr)) {}
        place& operator=(place&&) = delete;
        ~place() {
            if (counted_) counted_->home->leave(*counted_);
        }

    private:
        friend class admission;
        explicit place(count& counted) noexcept : counted_(&counted) {}
        count* counted_ = nullptr;
    };

    /// `seed`: of the tables of addresses.
    explicit admission(std::uint64_t seed) : seed_(seed), counts_(0, source_key::hash{seed}) {}

    /// Connections a second from one address, from now on; 0: any number. Throws std::bad_alloc.
    void set_rate(double per_second);
    struct answer {
        place taken{};
        std::optional<limit> refused{};
    };
    /// A place for a client, or the limit of `terms` that refuses it.
    answer ask(const server_terms& terms, const endpoint& who, time_point now);
    /// Addresses that are counted now.
    std::size_t addresses() const;

private:
    void leave(count& counted) noexcept;

    const std::uint64_t seed_;
    std::atomic<bool> has_pace_ = false;
    mutable std::mutex mutex_;
    std::unordered_map<source_key, count, source_key::hash>
        counts_;  ///< one for each address that is connected
    std::optional<accept_pace> pace_;
};

}  // namespace aperto
