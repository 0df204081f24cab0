// SPDX-License-Identifier: MIT
#include "lab/wire/link.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <set>

namespace aperto::lab {

link::link(side direction, std::uint64_t seed, link_settings base, std::vector<link_phase> phases,
           const std::vector<named_fault>* named)
    : direction_(direction), seed_(seed), base_(std::move(base)), phases_(std::move(phases)), named_(named) {
    std::set<instant> edges{instant{}};
    for (const auto& phase : phases_) {
        edges.insert({phase.begin, phase.end});
    }
    for (const auto edge : edges) {
        rates_.push_back({edge, settings_at(edge).rate});
    }
}

link_settings link::settings_at(instant when) const {
    auto out = base_;
    for (const auto& phase : phases_) {
        if (phase.begin <= when && when < phase.end) {
            for (const auto& set : phase.set) {
                set(out);
            }
        }
    }
    return out;
}

const link_settings& link::settings(instant now) {
    if (now < current_until_) {
        return current_;
    }
    current_ = settings_at(now);
    current_until_ = instant::max();
    for (const auto& phase : phases_) {
        for (const auto edge : {phase.begin, phase.end}) {
            if (edge > now) {
                current_until_ = std::min(current_until_, edge);
            }
        }
    }
    return current_;
}

/// When the last bit of it has gone out, given what waits before it: what waits when the rate changes goes on
/// at the new rate.
instant link::serialised(instant sent, std::uint32_t bytes) {
    constexpr instant horizon{1'000'000'000'000'000'000};  // 31 years: later is never
    auto at = std::max(line_free_, sent);
    auto bits = static_cast<double>(bytes) * 8;
    auto step = std::prev(std::upper_bound(rates_.begin(), rates_.end(), at,
                                           [](instant when, const auto& one) { return when < one.begin; }));
    for (; step->rate != 0 && bits > 0; ++step) {
        const bool last = std::next(step) == rates_.end();
        const auto rate = static_cast<double>(step->rate) / 1e9;  // bits a nanosecond
        const auto left =
            static_cast<double>(((last ? instant::max() : std::next(step)->begin) - at).count());
        const auto takes = std::min(bits / rate, left);
        bits -= last ? bits : takes * rate;
        at += duration(static_cast<std::int64_t>(takes));
        if (last || bits < 0.5) {
            break;
        }
        at = std::next(step)->begin;
    }
    at = std::min(at, horizon);
    if (at > sent) {
        line_free_ = at;
        line_.emplace_back(at, bytes);
        line_bytes_ += bytes;
    }
    return at;
}

bool link::queue_full(const event& one, decision& out) {
    const auto& now_set = settings(one.sent);
    while (line_first_ < line_.size() && line_[line_first_].first <= one.sent) {
        line_bytes_ -= line_[line_first_++].second;
    }
    if (line_first_ > 1024 && line_first_ * 2 > line_.size()) {
        line_.erase(line_.begin(), line_.begin() + static_cast<std::ptrdiff_t>(line_first_));
        line_first_ = 0;
    }
    if (now_set.rate == 0) {
        return false;
    }
    if (line_.size() - line_first_ >= now_set.queue_packets) {
        out.lost_by = loss_cause::queue_packets;
    } else if (line_bytes_ + one.seen.length + now_set.overhead > now_set.queue_bytes) {
        out.lost_by = loss_cause::queue_bytes;
    }
    return out.lost_by != loss_cause::none;
}

/// When it arrives, waiting, rate, delay and what was drawn for it together.
instant link::arrival_of(const event& one, duration extra) {
    const auto& now_set = settings(one.sent);
    auto due = serialised(one.sent, one.seen.length + now_set.overhead) + now_set.delay;
    due = std::max(due + extra, one.sent);
    if (now_set.keep_order) {
        due = std::max(due, last_due_);
    }
    last_due_ = std::max(last_due_, due);
    return due;
}

void link::schedule(instant sent, const decision& what, instant due, std::uint64_t token) {
    const departure original{token, due, false};
    if ((what.faults & fault::reordered) != 0) {
        const auto& now_set = settings(sent);
        held_.push_back({original, now_set.reorder_distance, due + now_set.reorder_wait});
    } else if (due <= sent && (what.faults & fault::duplicated) == 0 && queue_.empty() && held_.empty()) {
        at_once_.push_back(original);
    } else {
        queue_.emplace(due, original);
    }
}

/// A copy takes its place in the queue as any packet does; where there is none, there is no copy.
void link::schedule_copy(event& one, duration extra, std::uint64_t token) {
    decision full;
    if (queue_full(one, full)) {
        one.faults &= ~fault::duplicated;
        return;
    }
    const auto due = arrival_of(one, extra);
    queue_.emplace(due, departure{token, due, true});
}

decision link::offer(event& one, std::uint64_t token) {
    assert(one.from == direction_);
    ++seen_;
    const draw_key key{seed_, static_cast<std::uint8_t>(direction_), one.flow, one.random_stream,
                       one.random_ordinal};
    const auto replayed = replay_ ? replay_(one) : std::nullopt;
    auto what = replayed ? *replayed : decide(one, key);
    if (what.lost_by == loss_cause::none) {
        queue_full(one, what);
    }
    one.lost_by = what.lost_by;
    one.rule = what.rule;
    one.faults |= what.faults;
    one.corrupt_bit = what.corrupt_bit;
    if (what.lost_by != loss_cause::none) {
        return what;
    }
    const bool named_hold = (what.faults & fault::held) != 0;
    const auto jitter = named_hold ? duration{} : what.extra;
    const auto due = arrival_of(one, jitter);
    schedule(one.sent, what, named_hold ? due + what.extra : due, token);
    if ((what.faults & fault::duplicated) != 0) {
        schedule_copy(one, jitter, token);
    }
    return what;
}

std::optional<instant> link::next_due() const {
    std::optional<instant> next;
    if (!at_once_.empty()) {
        next = at_once_.front().due;
    }
    if (!queue_.empty()) {
        next = std::min(next.value_or(instant::max()), queue_.begin()->first);
    }
    for (const auto& one : held_) {
        next = std::min(next.value_or(instant::max()), one.latest);
    }
    return next;
}

/// A packet has left: those held until it had passed come closer to their turn.
void link::pass_held(instant now) {
    for (auto& one : held_) {
        if (one.to_pass > 0 && one.what.due <= now && --one.to_pass == 0) {
            one.latest = now;
        }
    }
}

bool link::take_due(instant now, departure& out) {
    if (!at_once_.empty()) {
        out = at_once_.front();
        at_once_.pop_front();
        return true;
    }
    const auto ready =
        std::find_if(held_.begin(), held_.end(), [now](const held_packet& one) { return one.latest <= now; });
    if (ready != held_.end()) {
        out = ready->what;
        out.due = ready->latest;
        held_.erase(ready);
        return true;
    }
    if (queue_.empty() || queue_.begin()->first > now) {
        return false;
    }
    out = queue_.begin()->second;
    queue_.erase(queue_.begin());
    if (!out.copy) {
        pass_held(out.due);
    }
    return true;
}

}  // namespace aperto::lab
