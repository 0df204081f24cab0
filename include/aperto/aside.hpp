// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace aperto {

/// Runs a blocking call on a helper thread and gives its result; what it throws is thrown here. A caller who
/// is cancelled goes on at once; the call runs to its end and its result is dropped, so it must own what it
/// touches.
template <class Call>
task<std::invoke_result_t<Call&>> aside(Call call) {
    using result_type = std::invoke_result_t<Call&>;
    struct box {
        Call call;
        detail::main_result<result_type> result;
    };
    auto shared = std::make_shared<box>(box{std::move(call), {}});
    std::function<void()> work = [shared] {
        try {
            if constexpr (std::is_void_v<result_type>)
                shared->call();
            else
                shared->result.value.emplace(shared->call());
        } catch (...) {
            shared->result.exception = std::current_exception();
        }
    };
    detail::aside_awaiter waiting(loop::current(), std::move(work));
    co_await waiting;
    // Taken out of the box: the helper thread may let go of that last, when the exception is in use here.
    if (shared->result.exception) std::rethrow_exception(std::exchange(shared->result.exception, nullptr));
    if constexpr (!std::is_void_v<result_type>) co_return std::move(*shared->result.value);
}

}  // namespace aperto
