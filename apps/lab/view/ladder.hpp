// SPDX-License-Identifier: MIT
#pragma once

#include "lab/view/narrator.hpp"

#include <cstdio>
#include <string>

namespace aperto::lab {

/// How the ladder is drawn.
struct ladder_style {
    std::size_t columns = 120;  ///< of the terminal
    bool wraps = false;         ///< whether longer lines are broken: not in a pipe, whose reader has no edge
    bool colour = false;
    bool ascii = false;
    bool v6 = false;

    /// `text` as this terminal can show it: in its characters, and no line wider than it is.
    std::string fitted(const std::string& text, std::size_t indent = 0) const;
    /// `line`, with its columns drawn together where it would be wider than this terminal.
    std::string squeezed(const std::string& line) const;
};

/// What the terminal `file` is given to: its width, whether it takes colours and UTF-8.
ladder_style style_for(std::FILE* file);

/// Renders packets as a ladder, the client on the left, the server on the right, time running down. A narrow
/// terminal gets the words on a line below the arrow.
class ladder {
public:
    ladder(ladder_style style, const std::vector<named_fault>& named) : style_(style), narrator_(named) {}

    std::string heading() const;
    /// One packet, one or more whole lines.
    std::string rung(const event& one);
    /// A line that stands for `count` packets not shown.
    std::string gap(std::uint64_t count) const;

private:
    std::size_t arrow_width() const;
    bool words_below() const;
    std::string arrow(const event& one, const std::string& label, const std::string& loss) const;
    std::string paint(const event& one, const std::string& text) const;
    const char* glyph(const char* fancy, const char* plain) const { return style_.ascii ? plain : fancy; }

    ladder_style style_;
    narrator narrator_;
    bool unit_shown_ = false;
};

/// "1–14 (14 B) PSH ack 1 win 64,256": a packet in the few words an arrow has room for.
std::string arrow_label(const event& one, std::size_t room);

/// `text` with everything a terminal may not know replaced: for ASCII terminals.
std::string to_ascii(std::string_view text);

}  // namespace aperto::lab
