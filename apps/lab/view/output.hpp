// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace aperto::lab {

/// A descriptor that holds up nobody while a run goes on: what its reader does not take, such as a pager at
/// the end of its page, waits here, in order.
class output {
public:
    /// The descriptor stays its owner's.
    explicit output(int descriptor) : descriptor_(descriptor) {}

    /// Never waits.
    void write(std::string_view text);
    /// Hands over what the reader takes now. Never waits.
    void offer();
    /// Waits until all is taken. False when it cannot be written.
    bool finish();

private:
    void hand_over(int wait_ms);

    int descriptor_;
    std::string waiting_;
    std::size_t taken_ = 0;  ///< of `waiting_`, from its start
    bool failed_ = false;
};

}  // namespace aperto::lab
