// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_framing
#include "../../fuzz/framing_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(FramingCorpus, HoldsForEveryInputKept) { aperto::corpus::replay("framing", &fuzz_framing); }

}  // namespace
