// SPDX-License-Identifier: MIT
#include "lab/view/short_ladder.hpp"

#include "lab/view/show.hpp"

#include <algorithm>
#include <map>

namespace aperto::lab {

namespace {

constexpr std::size_t rows_wanted = 20;
constexpr std::size_t all_max = 24;  ///< a run of no more packets is shown whole
constexpr std::size_t kept_max = 20'000;
constexpr std::size_t notable_max = 40'000;

/// What kind of thing a packet shows, and how much that says.
struct worth {
    int kind = 0;
    int points = 0;
};

worth worth_of(const event& one) {
    struct rule {
        bool holds;
        worth is;
    };
    const auto& seen = one.seen;
    const std::initializer_list<rule> rules{
        {one.is(mark::retransmission), {1, 95}},
        {one.end == fate::lost, {2, 90}},
        {!seen.is_tcp, {3, 88}},
        {seen.has(tcp_flag::rst), {4, 86}},
        {seen.has(tcp_flag::syn), {5, 85}},
        {one.faults != 0, {6, 84}},
        {one.is(mark::zero_window), {7, 80}},
        {one.is(mark::probe | mark::keepalive), {8, 78}},
        {one.is(mark::window_update), {9, 76}},
        {one.is(mark::dsack), {10, 75}},
        {seen.has(tcp_flag::fin), {11, 74}},
        {one.is(mark::fills_gap | mark::seen_before), {12, 70}},
        {one.is(mark::duplicate_ack | mark::sack), {13, 66}},
        {one.is(mark::out_of_order | mark::overtaken), {14, 64}},
        {seen.payload > 0 && one.from == side::client, {15, 60}},
        {seen.payload > 0, {16, 60}},
        {one.from == side::client, {17, 50}},
    };
    const auto* const found =
        std::find_if(rules.begin(), rules.end(), [](const rule& each) { return each.holds; });
    return found == rules.end() ? worth{18, 50} : found->is;
}

}  // namespace

void short_ladder::add(const event& one) {
    ++seen_;
    if (kept_.size() < kept_max || (kept_.size() < notable_max && notable(one))) {
        kept_.push_back(one);
    }
}

std::vector<event> short_ladder::rows() const {
    if (kept_.size() <= all_max) {
        return kept_;
    }
    constexpr int answers = 1000;
    constexpr int less_each_time = 9;
    std::map<int, int> times;
    std::vector<std::pair<int, std::size_t>>
        ranked;  ///< minus its points, so that what came first stays first
    for (std::size_t i = 0; i < kept_.size(); ++i) {
        const auto what = worth_of(kept_[i]);
        const int before = times[what.kind]++;
        ranked.emplace_back(
            wanted_.contains(kept_[i].number) ? -answers : less_each_time * before - what.points, i);
    }
    std::sort(ranked.begin(), ranked.end());
    ranked.resize(rows_wanted);
    std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    std::vector<event> out;
    for (const auto& [points, at] : ranked) {
        // One that is alone between two takes no more room than the words that would stand for it.
        const bool alone = !out.empty() && out.back().number + 2 == kept_[at].number &&
                           kept_[at - 1].number + 1 == kept_[at].number;
        if (alone) {
            out.push_back(kept_[at - 1]);
        }
        out.push_back(kept_[at]);
    }
    if (out.back().number + 1 == seen_ && kept_.back().number == seen_) {
        out.push_back(kept_.back());
    }
    return out;
}

}  // namespace aperto::lab
