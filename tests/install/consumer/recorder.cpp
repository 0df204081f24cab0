// SPDX-License-Identifier: MIT
#include <aperto/aperto.hpp>
#include <aperto/journal.hpp>

int main(int, char** words) {
    aperto::journal book({.file = std::string(words[0]) + ".db"});
    const auto answer = [](std::string_view message) { return aperto::to_upper(message); };
    return aperto::serve(0, book.record(answer));
}
