// SPDX-License-Identifier: MIT
#include "lab/scenario/exercise.hpp"

#include "core/sentence.hpp"
#include "core/split_mix.hpp"
#include "lab/analysis/quantity.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>

namespace aperto::lab {

namespace {

using json = nlohmann::json;

constexpr std::size_t rows_min = 8;
constexpr std::size_t rows_first = 4;  ///< of the table: how the connection begins
constexpr std::size_t rows_later = 8;  ///< and some of what comes later
constexpr std::size_t blanks = 6;

/// The same draws wherever it runs.
class draws {
public:
    explicit draws(std::uint64_t seed) : next_(seed) {}
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next_() % bound); }

    /// 0 to `count` - 1, in any order.
    std::vector<std::size_t> order_of(std::size_t count) {
        std::vector<std::size_t> all(count);
        std::iota(all.begin(), all.end(), std::size_t{0});
        for (std::size_t i = count; i > 1; --i) {
            std::swap(all[i - 1], all[below(i)]);
        }
        return all;
    }

private:
    split_mix next_;
};

/// The fields that may be blank, in the table's order.
enum class field { flags, sequence, end, acknowledgement, bytes };
constexpr std::array<const char*, 5> field_names{N_("flags"), N_("first number"), N_("number after the last"),
                                                 N_("acknowledges"), N_("bytes")};

std::string value_of(const exercise_row& row, field which) {
    switch (which) {
    case field::flags:
        return row.flags;
    case field::sequence:
        return std::to_string(row.sequence);
    case field::end:
        return std::to_string(row.end);
    case field::acknowledgement:
        return std::to_string(row.acknowledgement);
    case field::bytes:
        break;
    }
    return std::to_string(row.bytes);
}

/// Those that say something in this row.
std::vector<field> fields_for(const exercise_row& row) {
    std::vector<field> out{field::end};
    if (row.bytes > 0) {
        out = {field::sequence, field::end, field::bytes};
    }
    if (row.flags != "ACK") {
        out.push_back(field::flags);
    }
    if (row.flags.find("ACK") != std::string::npos) {
        out.insert(out.end(), 2, field::acknowledgement);
    }
    return out;
}

std::vector<exercise_row> rows_for_table(const std::vector<exercise_row>& rows, draws& chance) {
    std::vector<exercise_row> out(rows.begin(), rows.begin() + rows_first);
    const auto left = rows.size() - rows_first;
    const auto begin = rows_first + (left > rows_later ? chance.below(left - rows_later + 1) : 0);
    const auto end = std::min(begin + rows_later, rows.size());
    out.insert(out.end(), rows.begin() + static_cast<std::ptrdiff_t>(begin),
               rows.begin() + static_cast<std::ptrdiff_t>(end));
    return out;
}

std::string cell(const std::string& text, std::size_t width) {
    return text + std::string(width > text.size() ? width - text.size() : 1, ' ');
}

/// One blank a row at the most, so that the rest of the row helps.
void add_table(exercise& out, const std::vector<exercise_row>& rows, draws& chance) {
    auto order = chance.order_of(rows.size());
    order.resize(std::min(order.size(), blanks));
    std::sort(order.begin(), order.end());
    out.table = "  n    from    flags      seq      end      ack      bytes\n";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto& row = rows[i];
        std::optional<field> blank;
        if (std::find(order.begin(), order.end(), i) != order.end()) {
            const auto some = fields_for(row);
            blank = some[chance.below(some.size())];
            out.items.push_back(
                {sentence(_("packet {}: {}"), row.number, _(field_names[static_cast<std::size_t>(*blank)])),
                 value_of(row, *blank)});
        }
        std::string line = cell(fmt::format("  {}", row.number), 7) + cell(row.from, 8);
        for (const auto which :
             {field::flags, field::sequence, field::end, field::acknowledgement, field::bytes}) {
            line += cell(blank == which ? fmt::format("({})", out.items.size()) : value_of(row, which),
                         which == field::flags ? 11 : 9);
        }
        line += row.fate == "lost" ? _("lost") : "";
        out.table += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
}

/// The handshake, the first data, what acknowledges it and the first FIN: nothing of it could come in another order.
std::vector<exercise_row> chain_of(const std::vector<exercise_row>& rows) {
    std::vector<exercise_row> out(rows.begin(), rows.begin() + 3);
    const auto next = [&](auto wanted) {
        const auto found = std::find_if(rows.begin() + 3, rows.end(), [&](const exercise_row& one) {
            return one.number > out.back().number && wanted(one);
        });
        if (found != rows.end()) {
            out.push_back(*found);
        }
    };
    next([](const exercise_row& one) { return one.bytes > 0; });
    const auto data = out.back();
    next([&](const exercise_row& one) { return one.from != data.from && one.acknowledgement >= data.end; });
    next([](const exercise_row& one) { return one.flags.find("FIN") != std::string::npos; });
    return out;
}

void add_order(exercise& out, const std::vector<exercise_row>& rows, draws& chance) {
    const auto chain = chain_of(rows);
    const auto shown = chance.order_of(chain.size());
    std::string right(chain.size(), '?');
    out.table += "\n";
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const auto& row = chain[shown[i]];
        const auto letter = static_cast<char>('A' + i);
        right[shown[i]] = letter;
        out.table += fmt::format("  {}    {}{}seq {}, ack {}, {} B\n", letter, cell(row.from, 8),
                                 cell(row.flags, 11), row.sequence, row.acknowledgement, row.bytes);
    }
    out.items.push_back({_("the letters, in the order in which these were sent"), right});
}

/// Letters, digits and what parts flags: all that counts of an answer.
std::string plain(std::string_view text) {
    std::string out;
    bool words = false;
    for (const char one : text) {
        const auto byte = static_cast<unsigned char>(one);
        if (std::isalnum(byte) != 0) {
            out += static_cast<char>(std::toupper(byte));
        }
        words = words || std::isalpha(byte) != 0;
    }
    return words ? out : out.empty() ? std::string(trimmed(text)) : out;
}

std::set<std::string> flags_of(std::string_view text) {
    std::set<std::string> out;
    std::string word;
    for (const char one : std::string(text) + "/") {
        const auto byte = static_cast<unsigned char>(one);
        if (std::isalpha(byte) != 0) {
            word += static_cast<char>(std::toupper(byte));
        } else if (!word.empty()) {
            out.insert(std::exchange(word, {}));
        }
    }
    return out;
}

}  // namespace

std::vector<exercise_row> rows_of(std::string_view report) {
    std::vector<exercise_row> out;
    std::istringstream lines{std::string(report)};
    try {
        for (std::string line; std::getline(lines, line);) {
            if (!line.starts_with(R"({"event":"packet")")) {
                continue;
            }
            const auto one = json::parse(line);
            if (one.value("flow", 0) == 1) {
                out.push_back({one.at("n"), one.at("from"), one.at("flags"), one.at("seq"), one.at("end_seq"),
                               one.at("ack"), one.at("payload"), one.at("fate")});
            }
        }
    } catch (const json::exception& wrong) {
        throw bad_input(sentence(_("cannot read the run's report: {}"), wrong.what()));
    }
    return out;
}

exercise make_exercise(const std::vector<exercise_row>& rows, std::uint64_t seed) {
    if (rows.size() < rows_min) {
        throw bad_input(sentence(_("this run is too short for an exercise: packets {}, needed {}"),
                                 rows.size(), rows_min));
    }
    draws chance(seed);
    exercise out;
    add_table(out, rows_for_table(rows, chance), chance);
    add_order(out, rows, chance);
    return out;
}

bool is_same_answer(std::string_view right, std::string_view given) {
    const bool is_flags = right.find_first_of("/ ") != std::string_view::npos;
    if (is_flags) {
        return flags_of(right) == flags_of(given);
    }
    const bool is_number = right.find_first_not_of("0123456789") == std::string_view::npos;
    const auto word = given.find_last_of("0123456789");
    if (is_number && word != std::string_view::npos) {
        given = given.substr(0, word + 1);  // "1460 bytes"
    }
    return !plain(given).empty() && plain(right) == plain(given);
}

}  // namespace aperto::lab
