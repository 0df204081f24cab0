// SPDX-License-Identifier: MIT
#include "lab/report.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace aperto::lab {

std::uint64_t run_report::lost() const {
    return std::accumulate(lost_by.begin(), lost_by.end(), std::uint64_t{0});
}

bool run_report::payload_intact() const {
    return std::all_of(flows.begin(), flows.end(), [](const flow& one) {
        return std::all_of(one.halves.begin(), one.halves.end(), [](const flow_half& half) {
            return half.written.digest() == half.arrived.digest() && half.arrived.waiting() == 0;
        });
    });
}

duration quantile(std::vector<duration> values, double share) {
    if (values.empty()) {
        return {};
    }
    const auto place = static_cast<std::size_t>(std::lround(share * static_cast<double>(values.size() - 1)));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place), values.end());
    return values[place];
}

double goodput(const flow_half& half) {
    if (!half.first_data_sent || !half.last_data_arrived || half.arrived.bytes() < 2) {
        return 0;
    }
    const auto took = *half.last_data_arrived - *half.first_data_sent;
    return took.count() > 0
               ? static_cast<double>(half.arrived.bytes()) * 8e9 / static_cast<double>(took.count())
               : 0;
}

}  // namespace aperto::lab
