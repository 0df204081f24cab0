// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/choice.hpp"
#include "aperto/loop.hpp"

#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace aperto {

/// Cancels a scope of the current loop when somebody requests a stop (std::stop_source, std::jthread), on whatever
/// thread: for work that is ended the way the rest of a program is. While it lives the scope does, and the loop. Lives
/// on the loop's thread.
class stop_link {
public:
    /// Where the stop has been requested already, the scope is cancelled with the loop's next turn. Throws
    /// std::bad_alloc.
    stop_link(std::stop_token token, cancel_scope& scope);
    ~stop_link();
    stop_link(const stop_link&) = delete;
    stop_link& operator=(const stop_link&) = delete;

    /// Whether it has cancelled the scope.
    bool passed() const noexcept;

private:
    class end;
    struct request {
        backend* owner;
        end* what;
        void operator()() const noexcept;
    };
    backend& owner_;
    std::unique_ptr<end> end_;
    std::optional<std::stop_callback<request>> callback_;
};

namespace detail {

/// As `run_limited`, until a stop is requested.
task<bool> run_until_stopped(task<> work, std::stop_token token);

}  // namespace detail

/// Waits for `what`, a task or anything else that can be awaited, until a stop is requested: then its waits are
/// cancelled and this throws `errc::cancelled`. What it began is always over when this returns.
///
///     std::jthread worker([&](std::stop_token token) {
///         loop->run(aperto::with_stop(token, session()));
///     });
template <class Awaitable>
task<detail::awaited<Awaitable>> with_stop(std::stop_token token, Awaitable what) {
    std::optional<detail::kept<Awaitable>> result;
    task<> waiting = detail::keep(std::move(what), result);
    const bool stopped = co_await detail::run_until_stopped(std::move(waiting), std::move(token));
    if (stopped) throw error(errc::cancelled, "go on after a stop was requested");
    if constexpr (!std::is_void_v<detail::awaited<Awaitable>>) co_return std::move(*result);
}

}  // namespace aperto
