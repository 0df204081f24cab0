// SPDX-License-Identifier: MIT
//
// Any bytes, in any framing, under any limit, in any pieces: the messages found are the same as those of the
// whole, none passes the limit, nothing is lost, and no view leaves the input. The first three bytes choose.
#include "aperto/framing.hpp"
#include "core/utf8.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace aperto;

struct reading {
    std::vector<std::string> messages;
    bool too_large = false;
    std::size_t left = 0;
};

/// As a connection reads: `piece` bytes arrive, every whole frame is taken, the rest is kept.
reading read_in_pieces(framing which, std::string_view bytes, std::size_t limit, std::size_t piece) {
    reading result;
    std::string held;
    std::size_t scanned = 0;
    for (std::size_t at = 0; at <= bytes.size(); at += piece) {
        const bool ended = at + piece > bytes.size();
        held += bytes.substr(at, piece);
        for (;;) {
            const frame next = find_frame(which, held, limit, ended, scanned);
            if (next.what == frame::state::incomplete) {
                scanned = which == framing::line ? held.size() : 0;
                fuzz::require(next.needed == 0 || next.needed > held.size(),
                              "an incomplete frame needs more bytes");
                break;
            }
            if (next.what == frame::state::too_large) {
                result.too_large = true;
                return result;
            }
            fuzz::require(next.message.size() <= limit, "a message keeps to the limit");
            fuzz::require(next.consumed > 0 && next.consumed <= held.size(), "a frame takes what is there");
            fuzz::require(next.message.empty() ||
                              (next.message.data() >= held.data() &&
                               next.message.data() + next.message.size() <= held.data() + held.size()),
                          "a message is a part of the input");
            result.messages.emplace_back(next.message);
            held.erase(0, next.consumed);
            scanned = 0;
        }
    }
    result.left = held.size();
    return result;
}

void check_stream(framing which, std::string_view bytes, const reading& whole, const reading& cut,
                  std::size_t limit) {
    std::string joined;
    for (const std::string& each : cut.messages)
        joined += each;
    fuzz::require(joined == bytes && cut.left == 0, "a stream loses nothing");
    if (which == framing::raw || limit < 4 || !utf8::is_valid(bytes)) return;
    for (const reading* each : {&whole, &cut})
        for (const std::string& message : each->messages)
            fuzz::require(utf8::is_valid(message), "no character of a text is cut in two");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t choices = 3;
    if (size < choices) return 0;
    const auto which = static_cast<framing>(data[0] % 4);
    const std::size_t limit = data[1] == 255 ? SIZE_MAX : data[1] + 1u;
    const std::size_t piece = data[2] % 16 + 1u;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + choices, size - choices);
    const reading whole = read_in_pieces(which, bytes, limit, bytes.size() + 1);
    const reading cut = read_in_pieces(which, bytes, limit, piece);
    fuzz::require(whole.too_large == cut.too_large, "a message is too large however it is cut");
    if (!is_delimited(which)) {
        check_stream(which, bytes, whole, cut, limit);
        return 0;
    }
    fuzz::require(whole.messages == cut.messages && whole.left == cut.left,
                  "messages do not depend on the pieces");
    std::string again;
    for (const std::string& message : whole.messages)
        append_frame(which, message, again);
    const reading back = read_in_pieces(which, again, SIZE_MAX, piece);
    // A line may end in carriage returns that are its own; written again, the last of them joins the end of
    // the line.
    if (which == framing::length)
        fuzz::require(back.messages == whole.messages, "what is framed again reads back the same");
    else
        fuzz::require(back.messages.size() == whole.messages.size(),
                      "what is framed again has as many lines");
    return 0;
}
