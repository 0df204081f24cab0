// SPDX-License-Identifier: MIT
#include "lab/link.hpp"

#include <algorithm>
#include <cassert>

namespace aperto::lab {

link::link(side direction, std::uint64_t seed, link_settings base, std::vector<link_phase> phases,
           const std::vector<named_fault>* named)
    : direction_(direction), seed_(seed), base_(std::move(base)), phases_(std::move(phases)), named_(named) {}

const link_settings& link::settings(instant now) {
    if (now < current_until_) {
        return current_;
    }
    current_ = base_;
    current_until_ = instant::max();
    for (const auto& phase : phases_) {
        if (phase.begin <= now && now < phase.end) {
            for (const auto& set : phase.set) {
                set(current_);
            }
        }
        for (const auto edge : {phase.begin, phase.end}) {
            if (edge > now) {
                current_until_ = std::min(current_until_, edge);
            }
        }
    }
    return current_;
}

/// When the last bit of it has gone out at the link's rate, given what waits before it.
instant link::serialised(const event& one) {
    const auto& now_set = settings(one.sent);
    if (now_set.rate == 0) {
        return one.sent;
    }
    const auto bytes = one.seen.length + now_set.overhead;
    const auto takes = static_cast<double>(bytes) * 8e9 / static_cast<double>(now_set.rate);
    line_free_ = std::max(line_free_, one.sent) + duration(static_cast<std::int64_t>(takes));
    line_.emplace_back(line_free_, bytes);
    line_bytes_ += bytes;
    return line_free_;
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

void link::schedule(instant sent, const decision& what, instant due, std::uint64_t token) {
    const bool held_back = (what.faults & fault::reordered) != 0;
    const bool twice = (what.faults & fault::duplicated) != 0;
    const departure original{token, due, false};
    if (held_back) {
        const auto& now_set = settings(sent);
        held_.push_back({original, now_set.reorder_distance, due + now_set.reorder_wait});
    } else if (due <= sent && !twice && queue_.empty() && held_.empty()) {
        at_once_.push_back(original);
        return;
    } else {
        queue_.emplace(due, original);
    }
    if (twice) {
        queue_.emplace(due, departure{token, due, true});
    }
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
    const auto& now_set = settings(one.sent);
    auto due = serialised(one) + now_set.delay;
    const bool named_hold = (what.faults & fault::held) != 0;
    if (!named_hold) {
        due = std::max(due + what.extra, one.sent);
    }
    if (now_set.keep_order) {
        due = std::max(due, last_due_);
    }
    last_due_ = std::max(last_due_, due);
    schedule(one.sent, what, named_hold ? due + what.extra : due, token);
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

void flip_bit(bytes_span bytes, std::uint32_t bit) {
    if (bit / 8 < bytes.size()) {
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (0x80U >> (bit % 8)));
    }
}

}  // namespace aperto::lab
