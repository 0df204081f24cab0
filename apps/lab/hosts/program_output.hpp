// SPDX-License-Identifier: MIT
#pragma once

#include "lab/hosts/host_message.hpp"

#include <functional>
#include <string>

namespace aperto::lab {

/// A pipe that a program writes its output to, read line by line.
class program_output {
public:
    program_output();

    int read_end() const { return read_end_.get(); }
    int write_end() const { return write_end_.get(); }
    void close_write_end() { write_end_.close(); }

    using line_taker = std::function<void(const std::string&)>;
    /// Takes what is there without waiting, but so much at most: a program that never stops printing leaves
    /// time for everything else. False when there was nothing.
    bool read(const line_taker& take);
    /// Hands over a last line that had no end.
    void finish(const line_taker& take);

private:
    descriptor read_end_;
    descriptor write_end_;
    std::string rest_;
};

}  // namespace aperto::lab
