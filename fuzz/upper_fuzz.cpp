// SPDX-License-Identifier: MIT
//
// The capitals of any bytes, three ways that must agree: whole, in pieces, and ICU on the whole. The first
// byte of the input says how the rest is cut. Each block kernel is held against ICU on the part that it says
// it did.
#include "../tests/text/icu_reference.hpp"
#include "core/utf8.hpp"
#include "text/upper_blocks.hpp"

#include <aperto/text.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace aperto;

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "not so: %s\n", what);
    std::abort();
}

// The sizes of the pieces follow from one byte, so that a failure can be replayed from the input alone.
class cutter {
public:
    explicit cutter(std::uint8_t seed) : state_(seed), size_max_(seed % 4 == 0 ? 64 : 1 + seed % 7) {}

    std::size_t next() {
        state_ = state_ * 1103515245u + 12345u;
        return (state_ >> 16) % (size_max_ + 1);
    }

private:
    std::uint32_t state_;
    std::uint32_t size_max_;
};

void check_stream(std::string_view text, std::uint8_t seed, const std::string& expected) {
    upper_stream upper;
    std::string out;
    cutter sizes(seed);
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view piece = rest.substr(0, sizes.next());
        upper.feed(piece, out);
        rest.remove_prefix(piece.size());
        require(upper.held_bytes() <= 3, "at most three bytes are held back");
    }
    upper.finish(out);
    require(out == expected, "pieces give the same as the whole");
    const reference::invalid invalid = reference::invalid_bytes(text);
    require(upper.invalid_bytes() == invalid.bytes, "invalid bytes are counted");
    require(upper.first_invalid_offset().has_value() == (invalid.bytes != 0), "an offset if there is one");
    require(upper.first_invalid_offset().value_or(0) == invalid.first, "the offset of the first");
    require(utf8::is_valid(text) == (invalid.bytes == 0), "validity");
}

void check_kernel(text::block_kernel kernel, std::string_view text) {
    std::vector<char> target(text.size() + text::block_slack);
    const std::vector<char> source(text.begin(), text.end());
    const std::size_t done = kernel(source.data(), source.size(), target.data());
    require(done <= text.size(), "a kernel stays inside");
    require(utf8::is_valid(text.substr(0, done)), "a kernel takes whole characters");
    require(std::string_view(target.data(), done) == reference::upper(text.substr(0, done)),
            "a kernel is right");
}

}  // namespace

// libFuzzer's own name for the entry point.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::vector<char> copy(data + 1, data + size);  // of exact size, for the address sanitizer
    const std::string_view text(copy.data(), copy.size());
    const std::string expected = reference::upper(text);
    require(to_upper(text) == expected, "the whole is what ICU gives");
    check_stream(text, data[0], expected);
    check_kernel(text::upper_blocks, text);
    check_kernel(text::upper_blocks_portable, text);
#if defined(__x86_64__)
    check_kernel(text::upper_blocks_sse2, text);
#endif
    return 0;
}
