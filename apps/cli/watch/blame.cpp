// SPDX-License-Identifier: MIT
#include "cli/watch/blame.hpp"

#include "cli/options/quantity.hpp"
#include "core/sentence.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace aperto::cli {

namespace {

constexpr std::uint64_t minute_ms = 60'000;
/// Below this share of the time nothing is called a hold-up.
constexpr double least_share = 0.05;

std::uint32_t clamped(std::uint64_t value) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t grown(const connection_sample::number& before, const connection_sample::number& after) {
    return before && after && *after > *before ? clamped(*after - *before) : 0;
}

std::uint32_t grown(const std::optional<std::chrono::microseconds>& before,
                    const std::optional<std::chrono::microseconds>& after) {
    return before && after && *after > *before
               ? clamped(static_cast<std::uint64_t>((*after - *before).count()))
               : 0;
}

double share(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

std::string percent(double part) { return decimal_text(part * 100, 0); }

/// "1.1 MB/s" of the bytes of that time.
std::string rate_text(std::uint64_t bytes, std::uint64_t span_ms) {
    return size_text(bytes * 1000 / std::max<std::uint64_t>(span_ms, 1)) + "/s";
}

}  // namespace

moment between(const connection_sample& before, const connection_sample& after, std::uint32_t span_ms) {
    moment one;
    one.span_ms = span_ms;
    if (after.rtt) one.rtt_us = clamped(static_cast<std::uint64_t>(after.rtt->count()));
    one.congestion_window = clamped(after.congestion_window.value_or(0));
    one.unread = clamped(std::min(before.unread.value_or(0), after.unread.value_or(0)));
    one.bytes_in = grown(before.bytes_in, after.bytes_in);
    one.bytes_out = grown(before.bytes_out, after.bytes_out);
    one.bytes_sent = grown(before.bytes_sent, after.bytes_sent);
    one.bytes_resent = grown(before.bytes_resent, after.bytes_resent);
    one.busy_us = grown(before.busy, after.busy);
    one.window_full_us = grown(before.window_full, after.window_full);
    one.buffer_full_us = grown(before.buffer_full, after.buffer_full);
    return one;
}

void history::count(const moment& one, bool in) {
    const auto change = [in](std::uint64_t& sum, std::uint64_t by) { sum = in ? sum + by : sum - by; };
    change(sums_.span_ms, one.span_ms);
    change(sums_.bytes_in, one.bytes_in);
    change(sums_.bytes_out, one.bytes_out);
    change(sums_.bytes_sent, one.bytes_sent);
    change(sums_.bytes_resent, one.bytes_resent);
    change(sums_.busy_us, one.busy_us);
    change(sums_.window_full_us, one.window_full_us);
    change(sums_.buffer_full_us, one.buffer_full_us);
    if (one.unread != 0) change(sums_.unread_ms, one.span_ms);
}

void history::add(const moment& one) {
    if (ring_.size() < size_max) {
        ring_.push_back(one);
    } else {
        // The oldest may still be in the sums where looks are rare and moments few.
        if (counted_ == size_max) {
            count((*this)[0], false);
            --counted_;
        }
        ring_[first_] = one;
        first_ = (first_ + 1) % size_max;
    }
    count(one, true);
    ++counted_;
    while (counted_ > 1 && sums_.span_ms > minute_ms)
        count((*this)[size() - counted_--], false);
}

const char* to_string(culprit whose) noexcept {
    constexpr std::array names{"unknown",     "quiet",  "network",    "client_window",
                               "send_buffer", "reader", "application"};
    return names[static_cast<std::size_t>(whose)];
}

blame blame_of(const history::sums& of, bool known) {
    blame found;
    if (of.span_ms == 0) return found;
    const std::uint64_t span_us = of.span_ms * 1000;
    const std::uint64_t held = of.window_full_us + of.buffer_full_us;
    found.network = share(of.busy_us - std::min(of.busy_us, held), span_us);
    found.client_window = share(of.window_full_us, span_us);
    found.send_buffer = share(of.buffer_full_us, span_us);
    found.reader = share(of.unread_ms, of.span_ms);
    for (const auto& [part, whose] :
         {std::pair(found.network, culprit::network), std::pair(found.client_window, culprit::client_window),
          std::pair(found.send_buffer, culprit::send_buffer), std::pair(found.reader, culprit::reader)}) {
        if (part < least_share || part <= found.share) continue;
        found.whose = whose;
        found.share = part;
    }
    if (found.whose != culprit::unknown || !known) return found;
    const bool moved = of.bytes_in + of.bytes_out + of.bytes_sent != 0;
    found.whose = moved ? culprit::application : culprit::quiet;
    found.share = 1 - share(of.busy_us, span_us);
    return found;
}

std::string blame_text(const blame& of, const history::sums& within) {
    const std::string part = percent(of.share);
    switch (of.whose) {
    case culprit::unknown:
        break;
    case culprit::quiet:
        return _("quiet");
    case culprit::network: {
        const double again = share(within.bytes_resent, within.bytes_sent);
        if (within.bytes_resent == 0) return sentence(_("network {} %"), part);
        return sentence(_("network {} %: {} % sent again"), part,
                        decimal_text(again * 100, again < 0.1 ? 1 : 0));
    }
    case culprit::client_window:
        return sentence(_("client's window {} %: it reads {}"), part,
                        rate_text(within.bytes_out, within.span_ms));
    case culprit::send_buffer:
        return sentence(_("send buffer {} %: {}"), part, rate_text(within.bytes_out, within.span_ms));
    case culprit::reader:
        return sentence(_("not read here {} %"), part);
    case culprit::application:
        return sentence(_("nothing to send {} %"), part);
    }
    return {};
}

}  // namespace aperto::cli
