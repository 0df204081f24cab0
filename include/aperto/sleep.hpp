// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

namespace aperto {

/// Waits on the current loop. Throws `cancellation` when its scope is cancelled.
inline detail::sleep_awaiter sleep(duration how_long) {
    loop& on = loop::current();
    return {on, detail::time_after(on.read_now(), how_long)};
}
/// The same up to a point in the loop's own time.
inline detail::sleep_awaiter sleep_until(time_point when) { return {loop::current(), when}; }

/// Lets everything else that is ready on the current loop have its turn first: for a task that has long work
/// to do, between two pieces of it. Throws `cancellation` when its scope is cancelled.
///
///     for (const row& each : table) {
///         add(each);
///         co_await aperto::yield();
///     }
inline detail::yield_awaiter yield() { return detail::yield_awaiter(loop::current()); }

}  // namespace aperto
