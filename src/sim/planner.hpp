// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace aperto::sim {

/// What the network is to do at a later time.
struct plan {
    enum class kind : std::uint8_t {
        syn,          ///< arrives; `which`: the connection
        syn_ack,      ///< arrives
        ack,          ///< of the handshake, arrives
        refusal,      ///< a RST in answer to a SYN arrives
        packet,       ///< the first packet in flight of a direction (`side`: its sender's) arrives
        acknowledge,  ///< of data, arrives at `side`: `first` bytes have come, `second` is the window's edge
        reset,        ///< a RST arrives at `side`
        keepalive,    ///< `side` gives up, if the peer has been gone all the time
        join,         ///< a partition between hosts `which` and `side` ends
        notice,       ///< to host `which`: the file with serial `first` may be ready
        cancel,       ///< reaches the request `first` of the ring on host `which`
        aside,        ///< a blocking call on host `which` ends; `first`: its number
    };
    duration at{};
    std::uint64_t order = 0;  ///< among those of one time, the order in which they were planned
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::uint32_t which = 0;
    kind what = kind::syn;
    std::uint8_t side = 0;
    bool judged = false;  ///< rules have been asked
};

/// The plans, earliest first.
class planner {
public:
    bool empty() const noexcept { return heap_.empty(); }
    duration next() const noexcept { return heap_.empty() ? duration::max() : heap_.front().at; }

    void add(plan what) {
        what.order = ++order_;
        heap_.push_back(what);
        std::push_heap(heap_.begin(), heap_.end(), later);
    }

    plan take() noexcept {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        const plan first = heap_.back();
        heap_.pop_back();
        return first;
    }

private:
    static bool later(const plan& a, const plan& b) noexcept {
        return a.at != b.at ? a.at > b.at : a.order > b.order;
    }

    std::vector<plan> heap_;
    std::uint64_t order_ = 0;
};

}  // namespace aperto::sim
