// SPDX-License-Identifier: MIT
#include "lab/scenario/junit.hpp"

#include "core/log_safe.hpp"
#include "lab/view/markup.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace aperto::lab {

namespace {

std::string for_xml(const std::string& text) { return for_markup(log_safe(text, 4096)); }

}  // namespace

bool scenario_result::passed() const {
    return error.empty() &&
           std::all_of(verdicts.begin(), verdicts.end(), [](const verdict& one) { return one.holds; });
}

std::string junit_xml(const std::vector<scenario_result>& results) {
    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
    for (const auto& one : results) {
        const auto failures = std::count_if(one.verdicts.begin(), one.verdicts.end(),
                                            [](const verdict& v) { return !v.holds; });
        out += fmt::format(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\">\n",
            for_xml(one.name), one.verdicts.size() + 1, failures, one.error.empty() ? 0 : 1, one.seconds);
        out += fmt::format(
            "    <testcase classname=\"{}\" name=\"runs\" time=\"{:.3f}\">{}</testcase>\n", for_xml(one.name),
            one.seconds, one.error.empty() ? "" : fmt::format("<error message=\"{}\"/>", for_xml(one.error)));
        for (const auto& each : one.verdicts) {
            const auto body = each.holds ? fmt::format("<system-out>{}</system-out>", for_xml(each.evidence))
                                         : fmt::format("<failure message=\"{}\"/>", for_xml(each.evidence));
            out += fmt::format("    <testcase classname=\"{}\" name=\"{}\">{}</testcase>\n",
                               for_xml(one.name), for_xml(each.text), body);
        }
        out += "  </testsuite>\n";
    }
    return out + "</testsuites>\n";
}

}  // namespace aperto::lab
