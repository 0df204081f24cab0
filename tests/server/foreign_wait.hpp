// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>

namespace aperto {

/// Of another library: it knows of no scope, and nothing ever resumes it.
struct foreign_wait {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> /*waiting*/) const noexcept {}
    void await_resume() const noexcept {}
};

}  // namespace aperto
