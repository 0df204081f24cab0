// SPDX-License-Identifier: MIT
#include "cli/watch/watched.hpp"

#include <algorithm>

namespace aperto::cli {

namespace {

constexpr auto kept = std::chrono::seconds(60);

connection_sample::number rate(const history& of, std::uint32_t moment::* what) {
    if (of.size() == 0) return {};
    const moment& last = of[of.size() - 1];
    return std::uint64_t{last.*what} * 1000 / std::max<std::uint32_t>(last.span_ms, 1);
}

std::string shown(const std::string& text, const endpoint& where) {
    return text.empty() ? where.to_string() : text;
}

}  // namespace

connection_sample::number watched_connection::rate_in() const { return rate(past, &moment::bytes_in); }
connection_sample::number watched_connection::rate_out() const { return rate(past, &moment::bytes_out); }

const watched_connection* watched_connections::find(std::uint64_t key) const {
    const auto found = all_.find(key);
    return found == all_.end() ? nullptr : &found->second;
}

void watched_connections::take(look&& seen, clock::time_point when) {
    if (seen.failed) {
        latest_.trouble = std::move(seen.trouble);
        latest_.failed = true;
        return;
    }
    ++looks_;
    const auto span =
        looks_ == 1 ? 0
                    : std::max<std::int64_t>(
                          1, std::chrono::duration_cast<std::chrono::milliseconds>(when - when_).count());
    when_ = when;
    traffic_ = {};
    for (connection_sample& each : seen.connections) {
        const auto [place, is_first] = all_.try_emplace(each.key);
        watched_connection& one = place->second;
        // A server that began again gives its numbers again.
        const bool is_new = is_first || (!each.peer.empty() && each.peer != one.peer);
        if (is_new) one = {};
        if (is_new) {
            one.since = looks_;
            one.peer = shown(each.peer, each.remote);
            one.local = each.local ? each.local.to_string() : std::string();
        } else if (one.seen + 1 == looks_) {
            one.past.add(between(one.now, each, static_cast<std::uint32_t>(span)));
            traffic_.in += one.rate_in().value_or(0);
            traffic_.out += one.rate_out().value_or(0);
        }
        one.seen = looks_;
        one.now = std::move(each);
    }
    seen.connections.clear();
    if (!all_.empty()) std::erase_if(all_, [this](const auto& each) { return each.second.seen != looks_; });
    if (seen.server) server_.emplace_back(when, *seen.server);
    while (server_.size() > 2 && when - server_[1].first > kept)
        server_.pop_front();
    latest_ = std::move(seen);
}

std::optional<double> watched_connections::messages_a_second() const {
    if (server_.size() < 2) return {};
    const auto& [began, first] = server_.front();
    const auto& [ended, last] = server_.back();
    // A server that began again counts from 0.
    if (!first.messages || !last.messages || *last.messages < *first.messages || ended <= began) return {};
    return (*last.messages - *first.messages) / std::chrono::duration<double>(ended - began).count();
}

std::optional<double> watched_connections::answer_p99() const {
    if (server_.size() < 2) return {};
    const auto& first = server_.front().second.answers;
    const auto& last = server_.back().second.answers;
    if (first.size() != last.size() || last.empty()) return {};
    const double all = last.back().second - first.back().second;
    if (!(all > 0)) return {};
    for (std::size_t i = 0; i < last.size(); ++i)
        if (last[i].second - first[i].second >= 0.99 * all) return last[i].first;
    return {};
}

}  // namespace aperto::cli
