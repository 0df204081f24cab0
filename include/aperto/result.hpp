// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/detail/choice_state.hpp"
#include "aperto/error.hpp"
#include "aperto/task.hpp"

#include <cassert>
#include <optional>
#include <type_traits>
#include <utility>

namespace aperto {

/// What a wait gave, or the `error` that it ended with; as std::expected of C++23, in what it has.
///
/// `T` is void for what gives nothing.
template <class T>
class [[nodiscard]] result {
public:
    /// What it holds; std::monostate where `T` is void.
    using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

    /// With a value.
    explicit result(value_type value) : value_(std::move(value)) {}
    /// With an error.
    explicit result(aperto::error why) : error_(std::move(why)) {}

    /// Whether it went well.
    bool has_value() const noexcept { return value_.has_value(); }
    /// As `has_value`.
    explicit operator bool() const noexcept { return has_value(); }
    /// Asserts that there is a value.
    value_type& operator*() noexcept {
        assert(has_value());
        return *value_;
    }
    /// As `*`.
    value_type* operator->() noexcept { return &**this; }
    /// The value; throws the error where there is none.
    value_type& value() {
        if (error_) throw aperto::error(*error_);
        return *value_;
    }
    /// Asserts that there is one.
    const aperto::error& error() const noexcept {
        assert(error_);
        return *error_;
    }

private:
    std::optional<value_type> value_;
    std::optional<aperto::error> error_;
};

/// Waits for `what`, a read, a write, a task or anything else that can be awaited, and gives the `error` that
/// it throws as a value: for who goes on with another wait then, which C++ forbids inside `catch`.
///
///     auto line = co_await aperto::as_result(peer.read_line());
///     if (!line) co_await log.write(line.error().what());
///
/// Other exceptions are thrown, and `cancellation` too.
template <class Awaitable>
task<result<detail::awaited<Awaitable>>> as_result(Awaitable what) {
    using result_type = result<detail::awaited<Awaitable>>;
    std::optional<detail::kept<Awaitable>> value;
    std::optional<error> failed;
    try {
        task<> waiting = detail::keep(std::move(what), value);
        co_await waiting;
    } catch (const error& why) {
        failed.emplace(why);
    }
    if (failed) co_return result_type(std::move(*failed));
    co_return result_type(std::move(*value));
}

}  // namespace aperto
