// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_saved_syn
#include "../../fuzz/saved_syn_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(SavedSynCorpus, HoldsForEveryInputKept) { aperto::corpus::replay("saved_syn", &fuzz_saved_syn); }

}  // namespace
