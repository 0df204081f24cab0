// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"
#include "lab/analysis/selector.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <iosfwd>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace aperto::lab {

/// What a number is drawn for: each kind of fault has a stream of its own, so adding one changes no other.
enum class draw : std::uint8_t {
    loss = 1,
    burst_state,
    burst_loss,
    corrupt,
    corrupt_place,
    duplicate,
    reorder,
    jitter,
    jitter_second,
    ecn
};

/// Names one packet for the generator. The same packet of another run has the same key, whatever the timing.
struct draw_key {
    std::uint64_t seed = 0;
    std::uint8_t direction = 0;  ///< 0 from the client, 1 from the server
    std::uint32_t flow = 0;  ///< connections in the order they were first seen, from 1; 0 for other packets
    std::uint8_t stream =
        0;  ///< 0 packets that carry SYN, data, FIN or RST; 1 bare acknowledgements; 2 others
    std::uint64_t ordinal = 0;  ///< the how-manieth packet of that stream, from 1
};

/// 64 well-mixed bits that depend on the key and the kind alone: a counter-based generator, in the manner of
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), with SplitMix64's mixing function.
std::uint64_t random_bits(const draw_key& key, draw kind) noexcept;

/// The same as a number in [0, 1).
double random_unit(const draw_key& key, draw kind) noexcept;

/// How one direction of the wire behaves. Everything off by default: a perfect cable.
struct link_settings {
    double loss = 0;  ///< of packets, each by itself (Bernoulli)

    /// Gilbert–Elliott: in the good state packets are lost with `burst_good_loss` (1-k), in the bad one with
    /// `burst_bad_loss` (1-h). Off while `burst_enter` is 0.
    double burst_enter = 0;      ///< p: good to bad, a packet
    double burst_leave = 1;      ///< r: bad to good, a packet
    double burst_bad_loss = 1;   ///< 1-h
    double burst_good_loss = 0;  ///< 1-k

    std::vector<std::uint64_t> loss_list =
        {};  ///< the how-manieth packets of a connection in this direction, sorted

    duration delay{};
    duration jitter{};  ///< delay ± jitter, evenly; or its standard deviation when `jitter_normal`
    bool jitter_normal = false;
    bool keep_order = true;  ///< whether jitter may let a packet overtake the one before

    std::uint64_t rate = 0;              ///< bits a second; 0: no limit
    std::uint32_t overhead = 0;          ///< bytes a packet takes beyond its IP length
    std::uint32_t queue_packets = 1000;  ///< waiting for the rate, not counting those merely delayed
    std::uint64_t queue_bytes = std::numeric_limits<std::uint64_t>::max();

    double reorder = 0;             ///< share held back until `reorder_distance` later packets have passed …
    std::uint32_t reorder_gap = 0;  ///< or: every reorder_gap-th packet; 0: by share
    std::uint32_t reorder_distance = 3;
    duration reorder_wait = std::chrono::milliseconds(20);  ///< … or until this much time has

    double duplicate = 0;
    double corrupt = 0;
    bool corrupt_header = false;  ///< the TCP header rather than the payload
    std::uint32_t mtu = 0;        ///< larger packets are lost; 0: no limit
    bool mtu_reply = true;        ///< and their sender is told by ICMP, as a router does
    double ecn = 0;               ///< share of ECN-capable packets that get the CE mark
    bool blackhole = false;       ///< lose everything
};

/// Settings that hold from `begin` until `end`, over the ones below them.
struct link_phase {
    instant begin{};
    instant end = instant::max();
    std::vector<std::function<void(link_settings&)>> set = {};
};

enum class fault_action : std::uint8_t { drop, hold, corrupt, duplicate, mark_ce };

/// A fault for a packet that is named: `--hold 'client data#3' 50ms`.
struct named_fault {
    fault_action action = fault_action::drop;
    selector victim = {};
    duration time{};        ///< of a hold
    std::string text = {};  ///< as it was written, for the ladder
};

/// What was decided for one packet, without the times: what a decision log holds.
struct decision {
    loss_cause lost_by = loss_cause::none;
    std::int32_t rule = -1;
    std::uint32_t faults = 0;
    std::uint32_t corrupt_bit = 0;
    duration extra{};  ///< jitter and hold

    bool operator==(const decision&) const = default;
};

/// Something that leaves the link now.
struct departure {
    std::uint64_t token = 0;  ///< as given to `offer`
    instant due{};
    bool copy = false;
};

/// One direction of the wire as a model: no descriptors, no clock of its own. Packets are offered with the
/// time they came; the link says what becomes of them and hands them back when their time has come.
///
/// In order: blackhole, named faults, loss, MTU, corruption, duplication, queue and rate, ECN, delay and
/// reordering. A copy waits for the rate too, and what waits goes on at the new rate when that changes.
/// Random decisions depend on `draw_key` alone, so they are the same in every run of one seed; what depends
/// on time (phases, queues) is not promised.
class link {
public:
    using replay_lookup = std::function<std::optional<decision>(const event&)>;

    link(side direction, std::uint64_t seed, link_settings base, std::vector<link_phase> phases = {},
         const std::vector<named_fault>* named = nullptr);

    /// Decisions come from here rather than from the generator.
    void replay(replay_lookup lookup) { replay_ = std::move(lookup); }

    /// Decides for a packet. `one.sent` is now; times never go back. Fills in `one.lost_by`, `.rule`,
    /// `.faults`,
    /// `.corrupt_bit`. When it is not lost it will come out of `take_due` under `token`.
    decision offer(event& one, std::uint64_t token);

    /// When something will be due next, if nothing else is offered.
    std::optional<instant> next_due() const;
    /// The next packet that is due at `now`, in order of time; false when there is none yet.
    bool take_due(instant now, departure& out);

    const link_settings& settings(instant now);
    std::size_t waiting() const noexcept { return queue_.size() + held_.size() + at_once_.size(); }

private:
    struct held_packet {
        departure what;
        std::uint32_t to_pass = 0;
        instant latest{};
    };
    struct burst_chain {
        bool bad = false;
    };

    decision decide(const event& one, const draw_key& key);
    decision by_name(const event& one) const;
    bool lost_at_random(const event& one, const draw_key& key, decision& out);
    bool lost_in_burst(const event& one, const draw_key& key);
    void draw_damage(const event& one, const draw_key& key, decision& out) const;
    duration draw_jitter(const draw_key& key) const;
    bool queue_full(const event& one, decision& out);
    link_settings settings_at(instant when) const;
    instant serialised(instant sent, std::uint32_t bytes);
    instant arrival_of(const event& one, duration extra);
    void schedule_copy(event& one, duration extra, std::uint64_t token);
    void schedule(instant sent, const decision& what, instant due, std::uint64_t token);
    void pass_held(instant now);

    side direction_;
    std::uint64_t seed_;
    link_settings base_;
    std::vector<link_phase> phases_;
    const std::vector<named_fault>* named_;
    replay_lookup replay_;

    struct rate_step {
        instant begin;
        std::uint64_t rate;
    };
    std::vector<rate_step> rates_;  ///< from when on the rate is what, the first from 0 on

    link_settings current_;
    instant current_until_{-1};
    std::map<std::pair<std::uint32_t, std::uint8_t>, burst_chain> chains_;
    instant line_free_{};
    std::vector<std::pair<instant, std::uint32_t>>
        line_;  ///< what waits for the rate: when it is sent, its size
    std::size_t line_first_ = 0;
    std::uint64_t line_bytes_ = 0;
    instant last_due_{};
    std::multimap<instant, departure> queue_;
    std::vector<held_packet> held_;
    std::deque<departure> at_once_;  ///< spares the queue what need not wait
    std::uint64_t seen_ = 0;
};

/// Flips bit `bit` of `bytes`, counted from the first byte's highest.
void flip_bit(bytes_span bytes, std::uint32_t bit);

/// What a link can be told by name, the same in a scenario's [link] table and as an option of `aperto lab`
/// (`queue_packets` there is `--queue-packets`).
struct link_option {
    std::string_view key;
    const char* help;  ///< English; with the form of the value
    void (*apply)(link_settings&, std::string_view value);
};

const std::vector<link_option>& link_options();

/// Checks `value` now (throws `bad_input`) and returns what sets it. Throws for an unknown key, naming the
/// nearest.
std::function<void(link_settings&)> link_setter(std::string_view key, std::string_view value);

/// Both directions of a wire as they are asked for.
struct link_plan {
    std::array<link_settings, 2> base;  ///< by `side`
    std::array<std::vector<link_phase>, 2> phases;

    /// One option as written on the command line: "5%", "client:5%", "server:20ms@1s..3s".
    void set(std::string_view key, std::string_view text);
};

/// What the wire decided, packet by packet, as text that a later run can follow instead of its generator.
///
///     aperto-decisions 1
///     # direction connection stream ordinal  what
///     client 1 0 4  lost random
///     server 1 1 9  duplicated corrupted@463
///     client 1 0 7  held+50000000
///
/// A packet is named as the generator names it (see `draw_key`). Packets nothing was done to are left out.
class decision_log {
public:
    void note(const event& one, const decision& what);
    void write(std::ostream& to) const;
    std::size_t size() const noexcept { return entries_.size(); }

    /// Throws `bad_input` with the line that cannot be read.
    static decision_log read(std::istream& from);

    /// What was decided for this packet; nothing was when the log does not name it.
    decision lookup(const event& one) const;

    bool operator==(const decision_log&) const = default;

private:
    using key = std::tuple<std::uint8_t, std::uint32_t, std::uint8_t, std::uint64_t>;
    std::map<key, decision> entries_;
};

}  // namespace aperto::lab
