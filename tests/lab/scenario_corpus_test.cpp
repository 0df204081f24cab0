// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_lab_scenario
#include "../../fuzz/lab_scenario_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(LabScenarioCorpus, HoldsForEveryInputKept) {
    aperto::corpus::replay("lab_scenario", &fuzz_lab_scenario);
}

}  // namespace
