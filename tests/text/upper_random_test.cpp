// SPDX-License-Identifier: MIT
#include "core/utf8.hpp"
#include "text/icu_reference.hpp"

#include <aperto/text.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

namespace {

using namespace aperto;

// Texts of one mood each, since faults hide where long plain stretches meet rare characters.
class text_maker {
public:
    explicit text_maker(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return random_() % limit; }

    std::string text() {
        const std::size_t size = below(8) == 0 ? below(10'000) : below(200);
        const std::size_t mood = below(5);
        std::string out;
        while (out.size() < size)
            out += piece(mood);
        return out;
    }

private:
    std::string piece(std::size_t mood) {
        if (below(40) == 0) return raw(1 + below(3));
        switch (mood) {
        case 0:
            return std::string(1, static_cast<char>(below(128)));
        case 1:
            return below(8) == 0 ? character(0x80, 0x17F)
                                 : std::string(1, static_cast<char>(' ' + below(95)));
        case 2:
            return below(6) == 0 ? " " : character(0x370, 0x52F);
        case 3:
            return character(0x80, 0x2FFF);
        default:
            return below(2) == 0 ? character(0x1E00, 0x20FF) : character(0, 0x1FFFF);
        }
    }

    std::string raw(std::size_t size) {
        std::string out;
        for (std::size_t i = 0; i < size; ++i)
            out += static_cast<char>(0x80 + below(0x80));
        return out;
    }

    std::string character(std::size_t first, std::size_t last) {
        const auto code_point = static_cast<char32_t>(first + below(last - first + 1));
        if (code_point >= 0xD800 && code_point <= 0xDFFF) return "\xED\xA0\x80";
        return std::string(utf8::encode(code_point).view());
    }

    std::mt19937 random_;
};

std::string in_pieces(std::string_view text, text_maker& random, upper_stream& upper) {
    const std::size_t piece_max = 1 + random.below(random.below(2) == 0 ? 4 : 300);
    std::string out;
    while (!text.empty()) {
        const std::size_t size = random.below(piece_max + 1);
        upper.feed(text.substr(0, size), out);
        text.remove_prefix(std::min(size, text.size()));
    }
    upper.finish(out);
    return out;
}

TEST(upper_random, whole_and_in_pieces_and_by_icu_are_the_same) {
    std::size_t bytes = 0;
    std::size_t invalid_bytes = 0;
    for (const unsigned seed : {1u, 2u, 3u, 4u, 5u}) {
        text_maker random(seed);
        for (int round = 0; round < 2000; ++round) {
            const std::string text = random.text();
            const std::string expected = reference::upper(text);
            ASSERT_EQ(to_upper(text), expected) << "seed " << seed << ", round " << round;
            upper_stream upper;
            ASSERT_EQ(in_pieces(text, random, upper), expected) << "seed " << seed << ", round " << round;
            const reference::invalid invalid = reference::invalid_bytes(text);
            ASSERT_EQ(upper.invalid_bytes(), invalid.bytes) << "seed " << seed << ", round " << round;
            if (invalid.bytes != 0) {
                ASSERT_EQ(upper.first_invalid_offset(), invalid.first);
            }
            bytes += text.size();
            invalid_bytes += invalid.bytes;
        }
    }
    std::cout << bytes << " bytes compared, " << invalid_bytes << " of them not UTF-8\n";
}

}  // namespace
