// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/detail/choice_state.hpp"
#include "aperto/error.hpp"
#include "aperto/task.hpp"
#include "aperto/time.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace aperto {

/// Waits for `what`, a task or anything else that can be awaited, for at most `limit`: past it, its waits are
/// cancelled and this throws `errc::deadline`. What it began is always over when this returns.
///
///     auto line = co_await aperto::with_timeout(1s, peer.read_line());
///
/// A read that ran out of time has taken nothing from the stream; a large write has (`stream::write`).
template <class Awaitable>
task<detail::awaited<Awaitable>> with_timeout(duration limit, Awaitable what) {
    std::optional<detail::kept<Awaitable>> result;
    task<> waiting = detail::keep(std::move(what), result);
    const bool late = co_await detail::run_limited(std::move(waiting), limit);
    if (late) throw error(errc::deadline, "finish in time");
    if constexpr (!std::is_void_v<detail::awaited<Awaitable>>) co_return std::move(*result);
}

/// Waits for all of them at once, on the current loop, and gives a tuple of what they gave (std::monostate
/// for void). The first exception cancels the others, and is thrown when they have ended.
///
///     auto [user, orders] = co_await aperto::all(find_user(id), find_orders(id));
template <class... Awaitable>
task<std::tuple<detail::kept<Awaitable>...>> all(Awaitable... what) {
    const auto shared = std::make_shared<detail::choice_state<Awaitable...>>();
    const detail::choice_guard guard(shared->group);
    detail::start_all(shared, std::index_sequence_for<Awaitable...>(), what...);
    task<> joining = shared->group.join();
    co_await joining;
    co_return shared->take();
}

/// Waits until one of them has ended, cancels the others and waits for their end. Gives a tuple of optionals:
/// what had a result has its own, and more than one has where they ended in the same moment, so that nothing
/// taken from a stream or a queue is lost. An exception is thrown.
///
///     auto [line, news] = co_await aperto::first(peer.read_line(), inbox.pop());
///     if (line) …                       // *line is what read_line gives: none at the end of the stream
///     if (news) …
template <class... Awaitable>
task<std::tuple<std::optional<detail::kept<Awaitable>>...>> first(Awaitable... what) {
    const auto shared = std::make_shared<detail::choice_state<Awaitable...>>();
    const detail::choice_guard guard(shared->group);
    detail::start_all(shared, std::index_sequence_for<Awaitable...>(), what...);
    // Not before all have begun: one that always ends at once would let no other have its turn.
    shared->end_with_first();
    task<> joining = shared->group.join();
    co_await joining;
    co_return std::move(shared->results);
}

}  // namespace aperto
