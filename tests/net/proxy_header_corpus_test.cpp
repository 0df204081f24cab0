// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_proxy_header
#include "../../fuzz/proxy_header_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

namespace {

TEST(ProxyHeaderCorpus, HoldsForEveryInputKept) {
    aperto::corpus::replay("proxy_header", &fuzz_proxy_header);
}

}  // namespace
