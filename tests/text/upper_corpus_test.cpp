// SPDX-License-Identifier: MIT
//
// Replays the inputs that the fuzzer found interesting, so that what it once saw is checked by every test
// run.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#include "../../fuzz/upper_fuzz.cpp"

namespace {

TEST(upper_corpus, holds_for_every_input_kept) {
    const auto folder = std::filesystem::path(__FILE__).parent_path() / "../../fuzz/corpus/upper";
    std::size_t inputs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        SCOPED_TRACE(entry.path().filename());
        std::ifstream file(entry.path(), std::ios::binary);
        const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
        const std::vector<std::uint8_t> data(bytes.begin(), bytes.end());
        EXPECT_EQ(LLVMFuzzerTestOneInput(data.data(), data.size()), 0);
        ++inputs;
    }
    std::cout << inputs << " inputs replayed\n";
    EXPECT_GT(inputs, 0u);
}

}  // namespace
