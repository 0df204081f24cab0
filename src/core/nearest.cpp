// SPDX-License-Identifier: MIT
#include "core/nearest.hpp"

#include <algorithm>
#include <numeric>

namespace aperto {
namespace {

/// Levenshtein's distance: how many letters to insert, drop or change.
std::size_t distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < to.size(); ++j) {
            const std::size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, changed});
        }
    }
    return row.back();
}

std::size_t letters_of(std::string_view name) {
    const auto first = name.find_first_not_of('-');
    return first == std::string_view::npos ? 0 : name.size() - first;
}

}  // namespace

std::string nearest(std::string_view typed, const std::vector<std::string>& names) {
    // Two letters that changed places, or a third of them wrong, is a slip; more is another word.
    constexpr std::size_t short_word = 3;
    const std::size_t letters = letters_of(typed);
    const std::size_t slip = letters <= short_word ? 1 : std::max<std::size_t>(2, letters / 3);
    std::string best;
    std::size_t least = slip + 1;
    for (const std::string& name : names) {
        const std::size_t found = distance(typed, name);
        if (found < least) {
            least = found;
            best = name;
        }
    }
    return best;
}

}  // namespace aperto
