// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_quantity
#include "../../fuzz/quantity_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(QuantityCorpus, HoldsForEveryInputKept) { aperto::corpus::replay("quantity", &fuzz_quantity); }

}  // namespace
