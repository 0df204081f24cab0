// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// A packet of a run, as an exercise shows it.
struct exercise_row {
    std::uint64_t number = 0;
    std::string from;   ///< client, server
    std::string flags;  ///< "SYN/ACK"; "-" for none
    std::uint64_t sequence = 0;
    std::uint64_t end = 0;  ///< the number after its last byte
    std::uint64_t acknowledgement = 0;
    std::uint64_t bytes = 0;
    std::string fate;
};

/// The TCP packets of a run's first connection, of its JSON. Throws `bad_input` where that cannot be read.
std::vector<exercise_row> rows_of(std::string_view report);

/// Questions on one run: a table with fields left blank, and segments to be put in order.
struct exercise {
    struct item {
        std::string ask;
        std::string answer;
    };
    std::string table;  ///< with (1), (2) … where a field is blank
    std::vector<item> items;
};

/// The same rows and seed give the same exercise. Throws `bad_input` for a run of too few packets.
exercise make_exercise(const std::vector<exercise_row>& rows, std::uint64_t seed);

/// Whether `given` is the same answer, however it is written: "1,460" and "1460", "ack/syn" and "SYN, ACK", "b a c" and "BAC".
bool is_same_answer(std::string_view right, std::string_view given);

}  // namespace aperto::lab
