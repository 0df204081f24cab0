// SPDX-License-Identifier: MIT
#pragma once

#include "lab/wire/link.hpp"

#include <iosfwd>
#include <map>
#include <string>
#include <tuple>

namespace aperto::lab {

/// What the wire decided, packet by packet, as text that a later run can follow instead of its generator.
///
///     aperto-decisions 1
///     # direction connection stream ordinal  what
///     client 1 0 4  lost random
///     server 1 1 9  duplicated corrupted@463
///     client 1 0 7  held+50000000
///
/// A packet is named as the generator names it (see `draw_key`). Packets nothing was done to are left out.
class decision_log {
public:
    void note(const event& one, const decision& what);
    void write(std::ostream& to) const;
    std::size_t size() const noexcept { return entries_.size(); }

    /// Throws `bad_input` with the line that cannot be read.
    static decision_log read(std::istream& from);

    /// What was decided for this packet; nothing was when the log does not name it.
    decision lookup(const event& one) const;

    bool operator==(const decision_log&) const = default;

private:
    using key = std::tuple<std::uint8_t, std::uint32_t, std::uint8_t, std::uint64_t>;
    std::map<key, decision> entries_;
};

}  // namespace aperto::lab
