// SPDX-License-Identifier: MIT
//
// journal/: what `aperto journal` does with the files of `aperto serve --journal`. journal has the command;
// entry_text, how a message is shown to people and given to programs.
#pragma once

#include "aperto/cidr.hpp"
#include "aperto/journal.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

struct journal_request {
    std::vector<std::string> files;  ///< one journal's, in any order
    bool json = false;
    bool verify = false;
    std::chrono::system_clock::time_point since = std::chrono::system_clock::time_point::min();
    std::chrono::system_clock::time_point until = std::chrono::system_clock::time_point::max();
    std::vector<cidr> peers;  ///< empty: all
    std::string containing;
    std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
};
int run_journal(const journal_request& request);

/// A row for a person, without a line feed.
std::string entry_text(const journal_entry& entry);
/// A JSON object on a line of its own, with all the bytes: what is not UTF-8 is given in base64, under another name.
std::string entry_json(const journal_entry& entry);
/// RFC 4648, section 4.
std::string base64(std::string_view bytes);

}  // namespace aperto::cli
