// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_endpoint
#include "../../fuzz/endpoint_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(EndpointCorpus, HoldsForEveryInputKept) { aperto::corpus::replay("endpoint", &fuzz_endpoint); }

}  // namespace
