// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/group.hpp"
#include "aperto/task.hpp"
#include "aperto/time.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace aperto::detail {

template <class Awaitable>
concept has_own_operator = requires(Awaitable& what) { what.operator co_await(); };

/// What `co_await` gives.
template <class Awaitable>
struct awaited_of {
    using type = decltype(std::declval<Awaitable&>().await_resume());
};
template <has_own_operator Awaitable>
struct awaited_of<Awaitable> {
    using type = decltype(std::declval<Awaitable&>().operator co_await().await_resume());
};
template <class Awaitable>
using awaited = typename awaited_of<Awaitable>::type;
/// The same where a value is wanted.
template <class Awaitable>
using kept = std::conditional_t<std::is_void_v<awaited<Awaitable>>, std::monostate, awaited<Awaitable>>;

template <class Awaitable>
task<> keep(Awaitable what, std::optional<kept<Awaitable>>& into) {
    if constexpr (std::is_void_v<awaited<Awaitable>>) {
        co_await what;
        into.emplace();
    } else {
        into.emplace(co_await what);
    }
}

/// Runs `work` to its end in a scope of its own that is cancelled after `limit`, or with the caller's. True
/// when the limit ended it; what it threw otherwise is thrown.
task<bool> run_limited(task<> work, duration limit);

/// What the tasks of one `all` or `first` share; they may live longer than who waits for them.
template <class... Awaitable>
struct choice_state {
    std::tuple<std::optional<kept<Awaitable>>...> results;
    bool first_ends_all = false;
    bool ended = false;
    task_group group;

    void one_ended() noexcept {
        ended = true;
        if (first_ends_all) group.cancel();
    }
    /// From now on one that ends, or has ended, ends the others.
    void end_with_first() noexcept {
        first_ends_all = true;
        if (ended) group.cancel();
    }
    std::tuple<kept<Awaitable>...> take() {
        return std::apply([](auto&... each) { return std::tuple<kept<Awaitable>...>(std::move(*each)...); },
                          results);
    }
};

/// Where who waits is given up, nobody is left to want the results.
class choice_guard {
public:
    explicit choice_guard(task_group& group) noexcept : group_(group) {}
    choice_guard(const choice_guard&) = delete;
    choice_guard& operator=(const choice_guard&) = delete;
    ~choice_guard() {
        if (group_.running() > 0) group_.cancel();
    }

private:
    task_group& group_;
};

template <std::size_t Place, class State, class Awaitable>
task<> choose(std::shared_ptr<State> shared, Awaitable what) {
    task<> waiting = keep(std::move(what), std::get<Place>(shared->results));
    co_await waiting;
    shared->one_ended();
}

template <class... Awaitable, std::size_t... Place>
void start_all(const std::shared_ptr<choice_state<Awaitable...>>& shared,
               std::index_sequence<Place...> /*places*/, Awaitable&... what) {
    (shared->group.spawn(choose<Place>(shared, std::move(what))), ...);
}

}  // namespace aperto::detail
