// SPDX-License-Identifier: MIT
#pragma once

#include "lab/descriptor.hpp"

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
    /// Takes what is there without waiting.
    void read(const line_taker& take);
    /// Hands over a last line that had no end.
    void finish(const line_taker& take);

private:
    descriptor read_end_;
    descriptor write_end_;
    std::string rest_;
};

}  // namespace aperto::lab
