// SPDX-License-Identifier: MIT
#pragma once

#include "cli/watch/sample.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// Calls `take` with the name and the text of each member of the JSON object that `text` begins with; a string's text has
/// its quotes. False where that is no object, or `take` says so. It goes over ten megabytes in some hundredths of a second,
/// which a reader that makes a tree of everything does not. Takes any bytes.
bool for_each_member(std::string_view text,
                     const std::function<bool(std::string_view name, std::string_view value)>& take);
/// The same of an array's elements.
bool for_each_element(std::string_view text, const std::function<bool(std::string_view value)>& take);
/// A string's text, without its quotes and escapes, safe to show; empty for anything else.
std::string shown_string(std::string_view value);

/// What `/connections` answers. Empty where it is no such answer, or not whole; `passed_over`: workers that are missing.
std::optional<std::vector<connection_sample>> read_connections(std::string_view answer,
                                                               std::size_t& passed_over);
/// What `/metrics` answers, as far as it is known here.
server_figures read_metrics(std::string_view answer);
/// Of what `/messages` answers, those of one connection, the oldest first.
std::vector<message_sample> read_messages(std::string_view answer, std::uint64_t connection);

}  // namespace aperto::cli
