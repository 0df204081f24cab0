// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario/expectation.hpp"
#include "lab/scenario/report.hpp"

#include <string>
#include <vector>

namespace aperto::lab {

/// What a run showed, for a person, several lines, each connection under the lecture's four words. Only what was
/// measured.
std::string summary_text(const run_report& report);

/// The column at which the text of each of its rows begins.
inline constexpr std::size_t summary_indent = 18;

/// The same as one JSON object on one line, `"event":"summary"`.
std::string summary_json(const run_report& report);

/// The retransmission timer as RFC 6298 computes it from the wire's round trips beside the kernel's own, step
/// by step, at most `rows_max` rows; empty when the kernel was not asked.
std::string timer_table(const run_report& report, std::size_t rows_max = 24);

/// How one scenario went, for a test report.
struct scenario_result {
    std::string name;
    std::string path;
    double seconds = 0;
    std::string error;  ///< why it could not run or does not count; empty when it ran
    std::vector<verdict> verdicts;

    bool passed() const;
};

/// JUnit XML as CI systems read it: a suite a scenario, a case an expectation.
std::string junit_xml(const std::vector<scenario_result>& results);

}  // namespace aperto::lab
