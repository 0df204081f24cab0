// SPDX-License-Identifier: MIT
#pragma once

namespace aperto {

class loop;

/// Makes a loop the current one of this thread, for as long as this lives.
class current_loop {
public:
    explicit current_loop(loop& now) noexcept;
    ~current_loop();
    current_loop(const current_loop&) = delete;
    current_loop& operator=(const current_loop&) = delete;

private:
    loop* before_;
};

}  // namespace aperto
