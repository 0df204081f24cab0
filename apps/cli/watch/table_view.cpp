// SPDX-License-Identifier: MIT
#include "cli/options/quantity.hpp"
#include "cli/terminal_text.hpp"
#include "cli/watch/views.hpp"
#include "core/display.hpp"
#include "core/sentence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace aperto::cli {

namespace {

constexpr std::size_t rows_around = 3;  // headline, titles, keys
constexpr std::size_t peer_least = 14;
constexpr std::size_t peer_most = 39;  // the longest IPv6 address, but for its port

std::size_t peer_width(const watched_connections& from, const std::vector<std::uint64_t>& keys,
                       std::size_t first, std::size_t count) {
    std::size_t widest = peer_least;
    for (std::size_t i = first; i < std::min(keys.size(), first + count); ++i)
        if (const auto* const row = from.find(keys[i])) widest = std::max(widest, display_width(row->peer));
    return std::min(widest, peer_most);
}

std::string titles(const std::vector<placed_column>& placed, std::size_t sorted, bool reversed) {
    std::string row;
    for (const placed_column& each : placed) {
        std::string title = _(each.what->title);
        if (each.what == &columns()[sorted]) {
            const bool falls = each.what->is_text == reversed;
            const std::string mark = falls ? "▼" : "▲";
            if (display_width(title) < each.width) title.insert(each.what->is_text ? title.size() : 0, mark);
        }
        if (!row.empty()) row += ' ';
        row += fitted(title, each.width, !each.what->is_text);
    }
    return row;
}

const char* colour_of(culprit whose) {
    switch (whose) {
    case culprit::network:
        return "33";
    case culprit::client_window:
        return "35";
    case culprit::send_buffer:
    case culprit::reader:
        return "31";
    default:
        return "2";
    }
}

std::string table_row(const watched_connection& of, const std::vector<placed_column>& placed,
                      const paint& look, bool chosen) {
    std::string row;
    for (const placed_column& each : placed) {
        if (!row.empty()) row += ' ';
        const std::string text = fitted(each.what->text(of), each.width, !each.what->is_text);
        const bool tells = each.what == &columns().back() && !chosen;
        row += tells ? look.put(colour_of(of.whose().whose), text) : text;
    }
    return row;
}

void add_part(std::string& to, const std::string& part) { to += (to.empty() ? "" : " · ") + part; }

/// Brings the chosen row into view; its place, or that of the row that took its place.
std::size_t place_chosen(const std::vector<std::uint64_t>& keys, view_state& state, std::size_t high) {
    if (keys.empty()) return state.first = 0;
    const auto found = std::find(keys.begin(), keys.end(), state.chosen);
    std::size_t place = std::min(state.first, keys.size() - 1);
    if (found != keys.end()) place = static_cast<std::size_t>(found - keys.begin());
    state.chosen = keys[place];
    if (place < state.first) state.first = place;
    if (place >= state.first + high) state.first = place - high + 1;
    state.first = std::min(state.first, keys.size() > high ? keys.size() - high : 0);
    return place;
}

std::string bottom(const view_state& state, std::size_t wide, const paint& look) {
    if (state.typing) return one_row(sentence(_("filter: {}"), state.filter + "_"), wide);
    std::string row;
    if (state.paused) row = look.turned(_("paused")) + " ";
    const std::size_t used = state.paused ? display_width(_("paused")) + 1 : 0;
    std::string keys = _("↑↓ enter one · ←→ sort · r reverse · / filter · p pause · q quit");
    if (!state.filter.empty()) keys = sentence(_("filter: {} · / change · {}"), state.filter, keys);
    return row + look.dim(one_row(keys, wide - std::min(used, wide)));
}

}  // namespace

std::string fitted(const std::string& text, std::size_t columns, bool to_the_right) {
    const std::string cut = display_width(text) > columns ? one_row(text, columns) : text;
    const std::size_t wide = display_width(cut);
    const std::string blanks(columns - std::min(columns, wide), ' ');
    return to_the_right ? blanks + cut : cut + blanks;
}

std::string headline(const watched_connections& from, const std::string& name, std::size_t shown) {
    std::string row = name;
    const look& latest = from.latest();
    if (latest.server && !latest.server->version.empty()) add_part(row, "aperto " + latest.server->version);
    add_part(row, counted("{} connection", "{} connections", from.all().size()));
    if (shown != from.all().size()) add_part(row, sentence(_("{} shown"), number_text(shown)));
    if (const auto rate = from.messages_a_second())
        add_part(row,
                 counted("{} message/s", "{} messages/s", static_cast<std::uint64_t>(std::llround(*rate))));
    if (const auto bound = from.answer_p99(); bound && std::isfinite(*bound))
        add_part(row,
                 sentence(_("p99 {}"), short_time(std::chrono::microseconds(std::llround(*bound * 1e6)))));
    if (from.looks() > 1)
        add_part(row, sentence(_("in {}/s, out {}/s"), short_size(from.traffic().in),
                               short_size(from.traffic().out)));
    return row;
}

std::vector<std::string> table_rows(const watched_connections& from, const std::vector<std::uint64_t>& keys,
                                    const std::string& name, view_state& state, screen::extent size,
                                    const paint& look) {
    const std::size_t trouble = from.latest().trouble.empty() ? 0 : 1;
    const std::size_t around = rows_around + trouble;
    const std::size_t high = size.rows > around ? size.rows - around : 1;
    const std::size_t chosen = place_chosen(keys, state, high);
    const std::size_t wide = size.columns > 2 ? size.columns - 2 : 1;
    const auto placed = place_columns(wide, state.sorted, peer_width(from, keys, state.first, high));
    std::vector<std::string> rows{look.bold(one_row(headline(from, name, keys.size()), size.columns))};
    if (trouble) rows.push_back(look.put("31", one_row(from.latest().trouble, size.columns)));
    rows.push_back(look.dim("  " + titles(placed, state.sorted, state.reversed)));
    for (std::size_t i = state.first; i < std::min(keys.size(), state.first + high); ++i) {
        const auto* const row = from.find(keys[i]);
        if (!row) continue;
        const std::string text = table_row(*row, placed, look, i == chosen);
        rows.push_back(i == chosen ? look.turned("▸ " + text) : "  " + text);
    }
    if (keys.empty() && from.looks() != 0)
        rows.push_back(
            one_row(std::string("  ") +
                        (state.filter.empty() ? _("no connections") : _("none that the filter lets pass")),
                    size.columns));
    rows.resize(size.rows - 1);
    rows.push_back(bottom(state, size.columns, look));
    return rows;
}

std::vector<std::string> whole_table(const watched_connections& from, const std::vector<std::uint64_t>& keys,
                                     std::size_t sorted, std::size_t wide) {
    const auto placed = place_columns(wide, sorted, peer_width(from, keys, 0, keys.size()));
    const paint none(false);
    std::vector<std::string> rows{titles(placed, sorted, false)};
    for (const std::uint64_t key : keys)
        if (const auto* const row = from.find(key)) rows.push_back(table_row(*row, placed, none, false));
    for (std::string& row : rows)
        row.erase(row.find_last_not_of(' ') + 1);
    return rows;
}

}  // namespace aperto::cli
