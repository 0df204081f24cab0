// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aperto::lab {

/// SHA-256 (FIPS 180-4) of bytes that come in pieces.
class sha256 {
public:
    void add(std::string_view bytes);
    /// 64 hexadecimal digits. Nothing may be added afterwards.
    std::string hex();

    static std::string of(std::string_view bytes);
    /// Of a file's content; empty where it cannot be read.
    static std::string of_file(const std::string& path);

private:
    void take_block(const unsigned char* block);

    std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<unsigned char, 64> pending_{};
    std::size_t held_ = 0;      ///< bytes of `pending_`
    std::uint64_t length_ = 0;  ///< bytes in all
};

}  // namespace aperto::lab
