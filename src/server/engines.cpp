// SPDX-License-Identifier: MIT
#include "server/engines.hpp"

#include <algorithm>

namespace aperto {

std::string why_of(const std::vector<worker_engine>& workers) {
    std::vector<std::pair<std::string, std::size_t>> reasons;
    for (const worker_engine& each : workers) {
        const auto same = std::find_if(reasons.begin(), reasons.end(),
                                       [&](const auto& known) { return known.first == each.why; });
        if (same == reasons.end())
            reasons.emplace_back(each.why, 1);
        else
            ++same->second;
    }
    if (reasons.size() == 1) return reasons.front().first;
    std::string text;
    for (const auto& [why, count] : reasons) {
        if (!text.empty()) text += "; ";
        text += why + " (" + std::to_string(count) + " of " + std::to_string(workers.size()) + ")";
    }
    return text;
}

}  // namespace aperto
