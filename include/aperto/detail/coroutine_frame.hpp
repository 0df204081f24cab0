// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>

namespace aperto::detail {

/// Says on standard error what is wrong with a coroutine whose frame is laid out wrongly, and how to write
/// it; ends the program.
[[noreturn]] void refuse_miscompiled_coroutine() noexcept;

#if defined(__GNUC__) && !defined(__clang__)
[[gnu::error(
    "GCC miscompiles this coroutine, PR 106188: an if or a loop awaits in its condition, and the body "
    "declares "
    "no variable; write `while (auto line = co_await ...)`, or declare one first")]]
void this_coroutine_is_miscompiled();
#endif

/// Waits at the beginning of a coroutine, and looks there whether the compiler laid out its frame rightly.
///
/// GCC 12 puts the result of an awaited condition in front of the frame's two function pointers where the
/// body of the coroutine declares no variable (GCC PR 106188): the promise is then not where
/// std::coroutine_handle looks for it, and what runs is anything but the body. Where the compiler knows both
/// addresses, from -O1 on, such a coroutine does not compile; elsewhere the program ends at its first call.
/// In a right frame nothing of this is left in the code.
template <class Promise>
struct frame_check {
    Promise& promise;

    bool await_ready() const noexcept { return false; }
#if defined(__GNUC__) && !defined(__clang__)
    [[gnu::always_inline]] void await_suspend(std::coroutine_handle<> frame) const noexcept {
        char* const here = reinterpret_cast<char*>(&promise);
        const bool is_wrong = frame.address() != __builtin_coro_promise(here, __alignof(Promise), true);
        if (__builtin_constant_p(is_wrong)) {
            if (is_wrong) this_coroutine_is_miscompiled();
        } else if (is_wrong) {
            refuse_miscompiled_coroutine();
        }
    }
#else
    void await_suspend(std::coroutine_handle<>) const noexcept {}
#endif
    void await_resume() const noexcept {}
};

}  // namespace aperto::detail
