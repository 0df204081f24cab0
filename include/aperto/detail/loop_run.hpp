// SPDX-License-Identifier: MIT
#pragma once

// The bodies of what aperto/loop.hpp declares, which includes this; nobody else does.
#include "aperto/error.hpp"
#include "aperto/task.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace aperto {
namespace detail {

template <class T>
struct main_result {
    std::optional<T> value;
    std::exception_ptr exception;
    bool ended = false;
};
template <>
struct main_result<void> {
    std::exception_ptr exception;
    bool ended = false;
};

template <class T>
task<> run_main(loop& on, task<T> main, std::shared_ptr<main_result<T>> result) {
    try {
        if constexpr (std::is_void_v<T>)
            co_await main;
        else
            result->value.emplace(co_await main);
    } catch (const cancellation&) {
        result->exception = std::make_exception_ptr(error(errc::cancelled, "run a task to its end"));
    } catch (...) {
        result->exception = std::current_exception();
    }
    result->ended = true;
    // Alone where a `stop`, or what another task threw, ended the run before: another run is not to be ended.
    if (result.use_count() > 1)
        on.stop();
    else if (result->exception)
        std::rethrow_exception(result->exception);
}

}  // namespace detail

template <class T>
T loop::run(task<T> main) {
    const auto result = std::make_shared<detail::main_result<T>>();
    spawn(detail::run_main<T>(*this, std::move(main), result));
    run();
    if (result->exception) std::rethrow_exception(result->exception);
    if (!result->ended) throw error(errc::cancelled, "run a task to its end");
    if constexpr (!std::is_void_v<T>) return std::move(*result->value);
}

}  // namespace aperto
