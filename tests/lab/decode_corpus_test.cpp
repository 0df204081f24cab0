// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_lab_decode
#include "../../fuzz/lab_decode_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(LabDecodeCorpus, HoldsForEveryInputKept) { aperto::corpus::replay("lab_decode", &fuzz_lab_decode); }

}  // namespace
