// SPDX-License-Identifier: MIT
#include "aperto/text.hpp"
#include "core/utf8.hpp"
#include "text/ascii.hpp"
#include "text/upper_text.hpp"

#include <algorithm>

namespace aperto {
namespace {

// As much as a string holds without allocating.
constexpr std::array<char, 15> blank{};

// Made with a size known to the compiler and then cut, a string costs a few instructions and no call.
std::string upper_inside(std::string_view text) {
    std::string out(blank.data(), blank.size());
    const bool ascii = text::ascii_upper_short(text.data(), text.size(), out.data());
    out.erase(ascii ? text.size() : 0);
    if (!ascii) text::upper_text(text, out);
    return out;
}

}  // namespace

std::string to_upper(std::string_view text) {
    if (!text.empty() && text.size() <= blank.size()) return upper_inside(text);
    std::string out;
    text::upper_text(text, out);
    return out;
}

void to_upper(std::string_view text, std::string& out) { text::upper_text(text, out); }

void upper_stream::convert(std::string_view text, std::string& out) {
    const text::invalid_tally found = text::upper_text(text, out);
    if (invalid_bytes_ == 0) first_invalid_ = offset_ + found.first;
    invalid_bytes_ += found.bytes;
    offset_ += text.size();
}

// Joins the bytes held back with as many of the chunk as it takes to decide them. Returns how many it took.
std::size_t upper_stream::complete_held(std::string_view chunk, std::string& out) {
    std::array<char, 4> joined{};
    std::size_t taken = 0;
    while (held_size_ != 0 && taken != chunk.size()) {
        std::copy_n(held_.begin(), held_size_, joined.begin());
        joined[held_size_] = chunk[taken++];
        const std::string_view known{joined.data(), held_size_ + std::size_t{1}};
        const std::size_t decided = utf8::complete_prefix(known);
        convert(known.substr(0, decided), out);
        held_size_ = static_cast<std::uint8_t>(known.size() - decided);
        std::copy(known.begin() + decided, known.end(), held_.begin());
    }
    return taken;
}

void upper_stream::feed(std::string_view chunk, std::string& out) {
    if (held_size_ != 0) chunk.remove_prefix(complete_held(chunk, out));
    const std::size_t whole = utf8::complete_prefix(chunk);
    if (whole != 0) convert(chunk.substr(0, whole), out);
    if (whole == chunk.size()) return;
    held_size_ = static_cast<std::uint8_t>(chunk.size() - whole);
    std::copy(chunk.begin() + static_cast<std::ptrdiff_t>(whole), chunk.end(), held_.begin());
}

void upper_stream::finish(std::string& out) {
    convert({held_.data(), held_size_}, out);
    held_size_ = 0;
}

}  // namespace aperto
