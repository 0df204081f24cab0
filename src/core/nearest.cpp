// SPDX-License-Identifier: MIT
#include "core/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace aperto {
namespace {

/// How many letters to insert, drop, change, or exchange with the next (optimal string alignment).
std::size_t distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> before;
    std::vector<std::size_t> above(to.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::vector<std::size_t> row{i + 1};
        for (std::size_t j = 0; j < to.size(); ++j) {
            const std::size_t changed = above[j] + (from[i] == to[j] ? 0 : 1);
            row.push_back(std::min({row[j] + 1, above[j + 1] + 1, changed}));
            if (i > 0 && j > 0 && from[i] == to[j - 1] && from[i - 1] == to[j]) {
                row.back() = std::min(row.back(), before[j - 1] + 1);
            }
        }
        before = std::exchange(above, std::move(row));
    }
    return above.back();
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
