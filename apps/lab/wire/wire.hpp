// SPDX-License-Identifier: MIT
// wire/: the path between the hosts.
//
//     wire                 carries packets from one TUN device to the other, and tells what it did
//     link                 the model of one direction: delay, rate, queue
//     loss.cpp             what befalls a packet there: loss, damage, jitter; the numbers drawn for it
//     link_options.cpp     what a link can be told by name: `--loss 5%`
//     decision_log.cpp     what was decided, written down for another run to follow
#pragma once

#include "aperto/descriptor.hpp"
#include "lab/analysis/flow.hpp"
#include "lab/wire/link.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace aperto::lab {

/// A packet's record and, when they are wanted, its bytes as they entered the wire.
struct seen_packet {
    event what;
    std::vector<std::uint8_t> bytes;
};

/// How long the wire itself kept packets beyond what was asked of it.
class added_times {
public:
    void add(duration one) noexcept;
    /// The quantile in [0, 1], to within 5 %.
    duration quantile(double share) const noexcept;
    std::uint64_t count() const noexcept { return count_; }

private:
    static constexpr std::size_t buckets_per_doubling = 16;
    std::array<std::uint64_t, 40 * buckets_per_doubling> buckets_{};
    std::uint64_t count_ = 0;
};

struct wire_plan {
    std::uint64_t seed = 1;
    link_plan link;
    std::vector<named_fault> named;
    std::optional<decision_log> replay;
    std::array<sender_traits, 2> senders{};  ///< by `side`
    bool keep_events = true;                 ///< off: nobody wants to look at single packets
    bool keep_bytes = false;                 ///< for a capture file, and for the page
    bool keep_decisions = false;
    /// At the packet of which this is true the wire stops, as at `halt`: it has entered, and nothing has become of it.
    std::function<bool(const event&)> stops_at;
    /// Called on the wire's thread when the first packet enters, with its moment (CLOCK_MONOTONIC).
    std::function<void(duration)> first_packet = [](duration) {};
    /// Called on the wire's thread when it has stopped at a packet.
    std::function<void(const event&)> reached = [](const event&) {};
};

/// Carries packets between two TUN devices through a link model each way, on a thread of its own, and tells
/// what it did. It is the path between the hosts, so it misses nothing.
class wire {
public:
    /// The descriptors stay the caller's, and open for as long as this object lives.
    wire(wire_plan plan, int client_tun, int server_tun);
    ~wire();
    wire(const wire&) = delete;
    wire& operator=(const wire&) = delete;

    /// Lets no more packets in, and ends the thread. What is still under way is lost (`loss_cause::ended`).
    void stop();

    /// From now on nothing enters or leaves. Does not wait for the thread. Any thread.
    void halt() noexcept;
    /// Hands over what has happened since the last call. Any thread.
    void take_events(std::vector<seen_packet>& out);
    /// When the last packet came in or went out, and how many are under way. Any thread.
    instant last_activity() const noexcept { return instant(last_activity_.load(std::memory_order_relaxed)); }
    std::size_t under_way() const noexcept { return under_way_.load(std::memory_order_relaxed); }
    /// Time since the first packet; 0 before it.
    instant now() const;
    /// The wall-clock time (CLOCK_REALTIME) of the first packet; meaningless before it.
    std::chrono::nanoseconds began() const noexcept;

    // Only after stop():
    const flow_tracker& tracker() const noexcept { return tracker_; }
    const decision_log& decisions() const noexcept { return decisions_; }
    const added_times& added() const noexcept { return added_; }
    std::uint64_t packets() const noexcept { return next_number_ - 1; }
    std::uint64_t datagrams() const noexcept { return datagrams_; }
    std::uint64_t refused() const noexcept { return refused_; }
    std::array<std::uint64_t, 12> lost_by() const noexcept { return lost_by_; }
    std::uint64_t struck_by(std::size_t fault_bit) const noexcept { return struck_[fault_bit]; }

private:
    struct slot {
        event what;
        std::vector<std::uint8_t> bytes;
        std::uint64_t copy_number = 0;
        unsigned pending = 0;
    };

    void run();
    void wait_for_packets(instant now);
    bool read_some(side from);
    void accept(side from, std::size_t place, std::size_t size);
    void flush(side from, instant now);
    void deliver(side from, const departure& what);
    bytes_view as_it_leaves(event& what, bytes_view bytes);
    void finish(event& what, bytes_view bytes);
    void reply_too_big(const event& dropped, bytes_view bytes);
    std::size_t take_slot();
    int tun_of(side host) const noexcept { return tuns_[index(host)]; }

    wire_plan plan_;
    std::array<int, 2> tuns_;
    std::array<link, 2> links_;  ///< by the side a packet comes from
    flow_tracker tracker_;
    decision_log decisions_;
    added_times added_;
    std::atomic<std::int64_t> wall_epoch_{0};  ///< CLOCK_REALTIME at the first packet
    std::atomic<std::int64_t> epoch_{0};       ///< CLOCK_MONOTONIC at the first packet; 0 before it

    std::deque<slot> slots_;
    std::vector<std::size_t> free_slots_;
    std::vector<std::uint8_t> scratch_;  ///< what is being read
    std::vector<std::uint8_t> altered_;  ///< what leaves otherwise than it came
    std::uint64_t next_number_ = 1;
    std::uint64_t datagrams_ = 0;  ///< of UDP, that arrived
    std::uint64_t refused_ = 0;
    std::array<std::uint64_t, 12> lost_by_{};
    std::array<std::uint64_t, 8> struck_{};

    std::mutex outbox_guard_;
    std::vector<seen_packet> outbox_;
    std::vector<seen_packet> fresh_;  ///< not yet in the outbox
    std::atomic<std::int64_t> last_activity_{0};
    std::atomic<std::size_t> under_way_{0};
    descriptor stop_signal_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> halted_{false};
    std::thread thread_;
};

}  // namespace aperto::lab
