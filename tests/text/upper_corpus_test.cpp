// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here it stands in a program of many tests.
#define LLVMFuzzerTestOneInput fuzz_upper
#include "../../fuzz/upper_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(upper_corpus, holds_for_every_input_kept) { aperto::corpus::replay("upper", &fuzz_upper); }

}  // namespace
