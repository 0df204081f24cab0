// SPDX-License-Identifier: MIT
#include "aperto/framing.hpp"

#include "aperto/error.hpp"
#include "core/utf8.hpp"
#include "net/frame_edges.hpp"

#include <algorithm>
#include <cstring>

namespace aperto {
namespace {

/// Writes the header of a message of `size` bytes.
void put_length(std::uint64_t size, char* into) {
    if (size > length_max) throw error(errc::message_too_large, "frame", std::to_string(size) + " bytes");
    for (std::size_t at = 0; at < length_header_size; ++at)
        into[at] = static_cast<char>(size >> (8 * (length_header_size - 1 - at)) & 0xFF);
}

/// Bytes of the UTF-8 character that begins with `lead`, a lead byte of 2 to 4 (RFC 3629, 3).
std::size_t character_size(char lead) noexcept {
    const auto byte = static_cast<unsigned char>(lead);
    if (byte >= 0xF0) return 4;
    return byte >= 0xE0 ? 3 : 2;
}

frame find_raw(std::string_view bytes, std::size_t message_max) noexcept {
    frame found;
    if (bytes.empty()) return found;
    if (message_max == 0) {
        found.what = frame::state::too_large;
        found.needed = bytes.size();
        return found;
    }
    found.what = frame::state::complete;
    found.message = bytes.substr(0, message_max);
    found.consumed = found.message.size();
    return found;
}

frame find_text(std::string_view bytes, std::size_t message_max, bool ended) noexcept {
    frame found = find_raw(bytes, message_max);
    const std::string_view first = found.message;
    if (found.what != frame::state::complete || (ended && first.size() == bytes.size())) return found;
    std::size_t size = utf8::complete_prefix(first);
    if (size == 0) {
        // A limit below one character's size cuts it: the limit is a promise too, and a stream must go on.
        if (first.size() == message_max) return found;
        found = {};
        found.needed = character_size(first.front());
        return found;
    }
    found.message = first.substr(0, size);
    found.consumed = size;
    return found;
}

/// The line feed that ends the line; null without one.
const char* find_end(line_end which, std::string_view line, std::size_t from) noexcept {
    const char* const last = line.data() + line.size();
    for (const char* at = line.data() + from; at != last; ++at) {
        at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(last - at)));
        if (!at || which == line_end::any || (at != line.data() && at[-1] == '\r')) return at;
    }
    return nullptr;
}

frame find_length(std::string_view bytes, std::size_t message_max) noexcept {
    frame found;
    found.needed = length_header_size;
    if (bytes.size() < length_header_size) return found;
    std::uint64_t size = 0;
    for (const char byte : bytes.substr(0, length_header_size))
        size = size << 8 | static_cast<unsigned char>(byte);
    if (size > message_max) {
        found.what = frame::state::too_large;
        found.needed = size;
        return found;
    }
    found.needed = length_header_size + size;
    if (bytes.size() < found.needed) return found;
    found.what = frame::state::complete;
    found.message = bytes.substr(length_header_size, static_cast<std::size_t>(size));
    found.consumed = length_header_size + static_cast<std::size_t>(size);
    found.needed = 0;
    return found;
}

}  // namespace

frame find_line(line_end which, std::string_view bytes, std::size_t message_max, bool ended,
                std::size_t scanned) noexcept {
    constexpr std::size_t line_end_max = 2;
    frame found;
    const std::size_t window_max = message_max > std::string_view::npos - line_end_max
                                       ? std::string_view::npos
                                       : message_max + line_end_max;
    const std::string_view window = bytes.substr(0, window_max);
    const std::size_t from = std::min(scanned, window.size());
    const char* const hit = find_end(which, window, from);
    std::size_t size = 0;
    if (hit) {
        size = static_cast<std::size_t>(hit - window.data());
        found.consumed = size + 1;
        if (size > 0 && window[size - 1] == '\r') {
            found.carriage_return = true;
            --size;
        }
    } else {
        const bool may_be_line_end = !ended && !window.empty() && window.back() == '\r';
        const std::size_t least = window.size() - (may_be_line_end ? 1 : 0);
        if (least <= message_max && (!ended || bytes.empty())) return found;
        size = found.consumed = window.size();
    }
    if (size > message_max) {
        found = {};
        found.what = frame::state::too_large;
        found.needed = size;
        return found;
    }
    found.what = frame::state::complete;
    found.message = window.substr(0, size);
    return found;
}

std::string_view to_string(framing which) noexcept {
    switch (which) {
    case framing::stream:
        return "stream";
    case framing::line:
        return "line";
    case framing::length:
        return "length";
    case framing::raw:
        return "raw";
    }
    return "unknown";
}

std::optional<framing> framing_from_string(std::string_view name) noexcept {
    for (const framing which : {framing::stream, framing::line, framing::length, framing::raw})
        if (name == to_string(which)) return which;
    return std::nullopt;
}

frame find_frame(framing which, std::string_view bytes, std::size_t message_max, bool ended,
                 std::size_t scanned) noexcept {
    switch (which) {
    case framing::line:
        return find_line(line_end::any, bytes, message_max, ended, scanned);
    case framing::length:
        return find_length(bytes, message_max);
    case framing::stream:
        return find_text(bytes, message_max, ended);
    case framing::raw:
        break;
    }
    return find_raw(bytes, message_max);
}

frame_edges::frame_edges(framing which, std::size_t size) {
    if (which == framing::line) after_ = "\n";
    if (which != framing::length) return;
    put_length(size, header_.data());
    header_size_ = header_.size();
}

void append_frame(framing which, std::string_view message, std::string& out, bool carriage_return) {
    const std::size_t begin = begin_frame(which, out);
    out += message;
    end_frame(which, begin, out, carriage_return);
}

std::size_t begin_frame(framing which, std::string& out) {
    const std::size_t begin = out.size();
    if (which == framing::length) out.append(length_header_size, '\0');
    return begin;
}

void end_frame(framing which, std::size_t begin, std::string& out, bool carriage_return) {
    if (which == framing::line) {
        if (carriage_return) out.push_back('\r');
        out.push_back('\n');
    }
    if (which != framing::length) return;
    try {
        put_length(out.size() - begin - length_header_size, out.data() + begin);
    } catch (const error&) {
        out.resize(begin);
        throw;
    }
}

}  // namespace aperto
