// SPDX-License-Identifier: MIT
#pragma once

#include "lab/verdict/expectation.hpp"

#include <string>
#include <vector>

namespace aperto::lab {

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
