// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

namespace aperto::corpus {

/// Where the inputs of a fuzzer are kept.
inline std::filesystem::path folder(std::string_view name) {
    return std::filesystem::path(__FILE__).parent_path() / "../../fuzz/corpus" / name;
}

/// Gives `once` every input that fuzz/corpus/<name> keeps, so that what a fuzzer once saw is checked by every
/// run.
inline void replay(std::string_view name, int (*once)(const std::uint8_t*, std::size_t)) {
    std::size_t inputs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder(name))) {
        SCOPED_TRACE(entry.path().filename());
        std::ifstream file(entry.path(), std::ios::binary);
        const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
        const std::vector<std::uint8_t> data(bytes.begin(), bytes.end());
        EXPECT_EQ(once(data.data(), data.size()), 0);
        ++inputs;
    }
    EXPECT_GT(inputs, 0u);
}

}  // namespace aperto::corpus
