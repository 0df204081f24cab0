// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/task.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace aperto::cli {

/// Standard input for coroutines. A loop has no operations on files, so the waiting is done on a helper
/// thread; one piece at a time is in memory. One task at a time reads.
class standard_input {
public:
    /// Largest piece: several pipes' worth, a small part of any memory.
    static constexpr std::size_t piece_max = std::size_t{256} * 1024;

    standard_input();
    /// Ends a wait in progress: its thread is not left behind at the keyboard.
    ~standard_input();
    standard_input(const standard_input&) = delete;
    standard_input& operator=(const standard_input&) = delete;

    /// What has come, at least one byte; empty at the end. Throws `error` where the system refuses (a folder,
    /// an input/output error).
    task<std::string> read();
    /// Waits until there is something to read, or the end.
    task<> readable();
    /// True where a read would give bytes now.
    bool has_more() const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace aperto::cli
