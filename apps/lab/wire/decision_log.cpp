// SPDX-License-Identifier: MIT
#include "core/i18n.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/wire/link.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <istream>
#include <ostream>
#include <sstream>

namespace aperto::lab {

namespace {

constexpr std::string_view first_line = "aperto-decisions 1";
constexpr std::array<std::string_view, 12> causes{"none",  "random",    "burst",         "listed",
                                                  "named", "blackhole", "queue-packets", "queue-bytes",
                                                  "mtu",   "replayed",  "ended",         "refused"};

/// What only this run's timing decided is not a decision of the generator's, and is not replayed.
bool depends_on_time(loss_cause cause) {
    return cause == loss_cause::queue_packets || cause == loss_cause::queue_bytes ||
           cause == loss_cause::ended || cause == loss_cause::refused;
}

std::string words_of(const decision& what) {
    if (what.lost_by != loss_cause::none) {
        return fmt::format("lost {}", causes[static_cast<std::size_t>(what.lost_by)]);
    }
    std::string out;
    const auto add = [&out](const std::string& word) { out += (out.empty() ? "" : " ") + word; };
    if ((what.faults & fault::corrupted) != 0) {
        add(fmt::format("corrupted@{}", what.corrupt_bit));
    }
    if ((what.faults & fault::duplicated) != 0) {
        add("duplicated");
    }
    if ((what.faults & fault::reordered) != 0) {
        add("reordered");
    }
    if ((what.faults & fault::ce_marked) != 0) {
        add("ce-marked");
    }
    if ((what.faults & fault::held) != 0 || what.extra != duration{}) {
        add(fmt::format("{}{:+}", (what.faults & fault::held) != 0 ? "held" : "jitter", what.extra.count()));
    }
    return out;
}

template <class number>
bool read_number(std::string_view text, number& out) {
    const auto [stopped, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    return failed == std::errc{} && stopped == text.data() + text.size() && !text.empty();
}

bool read_extra(std::string_view text, duration& out) {
    if (text.starts_with('+')) {
        text.remove_prefix(1);
    }
    std::int64_t value = 0;
    constexpr std::int64_t day = 86'400'000'000'000;
    if (!read_number(text, value) || value < -day || value > day) {
        return false;
    }
    out = duration(value);
    return true;
}

bool read_word(const std::string& word, decision& out) {
    const std::string_view text = word;
    if (text == "duplicated") {
        out.faults |= fault::duplicated;
    } else if (text == "reordered") {
        out.faults |= fault::reordered;
    } else if (text == "ce-marked") {
        out.faults |= fault::ce_marked;
    } else if (text.starts_with("corrupted@")) {
        out.faults |= fault::corrupted;
        return read_number(text.substr(10), out.corrupt_bit);
    } else if (text.starts_with("held")) {
        out.faults |= fault::held;
        return read_extra(text.substr(4), out.extra);
    } else if (text.starts_with("jitter")) {
        return read_extra(text.substr(6), out.extra);
    } else {
        for (std::size_t i = 1; i < causes.size(); ++i) {
            if (text == causes[i]) {
                out.lost_by = static_cast<loss_cause>(i);
                return true;
            }
        }
        return false;
    }
    return true;
}

}  // namespace

void decision_log::note(const event& one, const decision& what) {
    auto kept = what;
    kept.rule = -1;
    if (depends_on_time(kept.lost_by)) {
        kept.lost_by = loss_cause::none;
    }
    if (kept == decision{}) {
        return;
    }
    entries_[{static_cast<std::uint8_t>(one.from), one.flow, one.random_stream, one.random_ordinal}] = kept;
}

void decision_log::write(std::ostream& to) const {
    to << first_line << "\n# direction connection stream ordinal  what\n";
    for (const auto& [at, what] : entries_) {
        const auto& [direction, connection, stream, ordinal] = at;
        to << fmt::format("{} {} {} {}  {}\n", direction == 0 ? "client" : "server", connection, stream,
                          ordinal, words_of(what));
    }
}

decision_log decision_log::read(std::istream& from) {
    decision_log out;
    std::string line;
    std::size_t number = 1;
    if (!std::getline(from, line) || line != first_line) {
        throw bad_input(fmt::format(fmt::runtime(_("line 1: a decision log begins with '{}'")), first_line));
    }
    while (std::getline(from, line)) {
        ++number;
        if (line.empty() || line.starts_with('#')) {
            continue;
        }
        std::istringstream words(line);
        std::string direction;
        std::uint32_t connection = 0;
        unsigned stream = 0;
        std::uint64_t ordinal = 0;
        decision what;
        words >> direction >> connection >> stream >> ordinal;
        bool good = !words.fail() && stream <= 2 && (direction == "client" || direction == "server");
        for (std::string word; good && words >> word;) {
            good = word == "lost" || read_word(word, what);
        }
        if (what.lost_by != loss_cause::none) {
            what = {.lost_by = what.lost_by};  // what is lost has no further story
        }
        if (!good || what == decision{}) {
            throw bad_input(fmt::format(fmt::runtime(_("line {}: '{}' is not a decision")), number, line));
        }
        out.entries_[{static_cast<std::uint8_t>(direction == "client" ? 0 : 1), connection,
                      static_cast<std::uint8_t>(stream), ordinal}] = what;
    }
    return out;
}

decision decision_log::lookup(const event& one) const {
    const auto found =
        entries_.find({static_cast<std::uint8_t>(one.from), one.flow, one.random_stream, one.random_ordinal});
    return found == entries_.end() ? decision{} : found->second;
}

}  // namespace aperto::lab
