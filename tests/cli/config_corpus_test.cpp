// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_config
#include "../../fuzz/config_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(ConfigCorpus, HoldsForEveryInputKept) { aperto::corpus::replay("config", &fuzz_config); }

}  // namespace
