// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/framing.hpp"
#include "aperto/task.hpp"
#include "cli/terminal_text.hpp"

#include <string>
#include <string_view>

namespace aperto::cli {

/// Where replies go: standard output. A file or a pipe gets the very bytes; a terminal gets them made safe.
class reply_output {
public:
    explicit reply_output(framing in);

    bool is_terminal() const noexcept { return is_terminal_; }
    /// A piece of the stream, or a whole message of a framing that has them. A pipe whose reader is slow
    /// holds this task up, not the loop. Throws `error` where the system refuses.
    task<> write(std::string_view piece);
    /// The reply has ended: a terminal's cursor stands at the beginning of a line.
    void finish();

private:
    const framing framing_;
    bool is_terminal_ = false;
    bool is_pipe_ = false;
    terminal_filter filter_;
};

/// Writes all of `bytes` to standard output, blocking. Throws `error`.
void write_out(std::string_view bytes);

}  // namespace aperto::cli
