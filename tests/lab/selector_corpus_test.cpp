// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_lab_selector
#include "../../fuzz/lab_selector_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(LabSelectorCorpus, HoldsForEveryInputKept) {
    aperto::corpus::replay("lab_selector", &fuzz_lab_selector);
}

}  // namespace
